# Building what is deployed, and running it; `make build ARCHITECTURE=arm64` builds for Graviton.
PYTHON ?= python3
ARCHITECTURE ?= x86_64
SAM := .venv-sam/bin/sam

.PHONY: build audit validate build-environments local-environment test-artefacts

build: .venv-sam/installed
	ARCHITECTURE=$(ARCHITECTURE) $(SAM) build --no-cached --parameter-overrides Architecture=$(ARCHITECTURE)
	.venv-sam/bin/python scripts/artefact_sizes.py
	.venv-sam/bin/python -m scripts.sbom

# Known vulnerabilities of what was built; AUDIT=--require fails as well where the advisories cannot be read.
audit: .venv-audit/installed
	.venv-audit/bin/python -m scripts.audit $(AUDIT)

# What `sam local` hands the functions of a stack: `make local-environment STACK=bakeoff-dev`.
local-environment: .venv-sam/installed
	.venv-sam/bin/python -m scripts.local_environment $(STACK) > local-environment.json

# Three looks at the template: what SAM and CloudFormation take, cfn-lint with its advice, and checkov for safety.
validate: .venv-sam/installed .venv-checkov/installed
	$(SAM) validate --lint
	.venv-sam/bin/cfn-lint --include-checks I -- template.yaml
	.venv-checkov/bin/checkov --config-file .checkov.yaml --file template.yaml

build-environments: .venv-sam/installed .venv-lambda/installed

# SAM brings many packages in narrow ranges, so it gets an environment of its own.
.venv-sam/installed: scripts/sam-requirements.txt
	$(PYTHON) -m venv .venv-sam
	.venv-sam/bin/python -m pip install --quiet --requirement $<
	touch $@

# checkov, too, wants versions of its own.
.venv-checkov/installed: scripts/checkov-requirements.txt
	$(PYTHON) -m venv .venv-checkov
	.venv-checkov/bin/python -m pip install --quiet --requirement $<
	touch $@

.venv-audit/installed: scripts/audit-requirements.txt
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/python -m pip install --quiet --requirement $<
	touch $@

# Stands for the Lambda runtime: its Python, its interface client and the AWS SDK, and nothing else.
.venv-lambda/installed: scripts/runtime-requirements.txt scripts/lambda_python.py
	interpreter=$$($(PYTHON) scripts/lambda_python.py) && "$$interpreter" -m venv --clear .venv-lambda
	.venv-lambda/bin/python -m pip install --quiet --requirement $<
	touch $@

# Runs every function under the Lambda Runtime Interface Emulator, as it is built for this machine's processor; BUILD
# names a folder that was built already.
test-artefacts: setup-dev build-environments
	BAKEOFF_BUILD_FOLDER="$(BUILD)" .venv/bin/python -m pytest -m build tests/artefacts
