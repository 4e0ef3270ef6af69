# What the Makefiles of the functions and layers share: the command that builds one artefact.
SCRIPTS := $(dir $(lastword $(MAKEFILE_LIST)))
ARCHITECTURE ?= x86_64
LAMBDA_PYTHON := $(shell python3 $(SCRIPTS)lambda_python.py)
BUILD_ARTEFACT = $(or $(LAMBDA_PYTHON),$(error no Python to build with)) -B $(SCRIPTS)build_artefact.py --architecture $(ARCHITECTURE)
