"""What a platform engineer looks for in a template, asked of every resource of a type, and of those to come."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from bakeoff_core.identity.scopes import is_administrative
from tests.cloudformation import Stack, referred, source, stack, walk

KEY = "arn:aws:kms:eu-west-1:123456789012:key/0000-1111"
ACL = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/bakeoff/1"
PRODUCTION = {"KmsKeyArn": KEY, "DeletionProtection": "on", "Tracing": "Active", "SnapStart": "on", "WebAclArn": ACL}
DATA = ("AWS::DynamoDB::Table", "AWS::S3::Bucket")
# What takes no narrower resource, by the AWS service authorization reference.
UNBOUND = {
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
    "kinesis:ListStreams",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}


@pytest.fixture(scope="module")
def default() -> Stack:
    return stack()


@pytest.fixture(scope="module")
def production() -> Stack:
    return stack(**PRODUCTION)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def functions(of: Stack) -> dict[str, Mapping[str, Any]]:
    return of.of_type("AWS::Lambda::Function")


def answering(of: Stack) -> set[str]:
    """The functions that routes lead to."""
    return {name.removesuffix("Aliaslive") for name in referred(of.properties("HttpApi")["Body"]["paths"])} - {
        "AWS",
        "HttpApi",
    }


def stage(of: Stack) -> Mapping[str, Any]:
    [made] = of.of_type("AWS::ApiGatewayV2::Stage").values()
    properties: Mapping[str, Any] = made["Properties"]
    return properties


def policies(of: Stack) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every statement that grants something, with the role or policy that it is in."""
    for name, role in of.of_type("AWS::IAM::Role").items():
        for policy in role["Properties"].get("Policies", []):
            yield from ((name, statement) for statement in policy["PolicyDocument"]["Statement"])
    for name, policy in of.of_type("AWS::IAM::Policy").items():
        yield from ((name, statement) for statement in policy["Properties"]["PolicyDocument"]["Statement"])


# Permissions


def test_every_function_has_a_role_of_its_own(default: Stack) -> None:
    roles = {name: function["Properties"]["Role"]["Fn::GetAtt"] for name, function in functions(default).items()}
    assert roles == {name: [f"{name}Role", "Arn"] for name in roles}


@pytest.mark.parametrize("parameters", [{}, PRODUCTION, {"AnalysisEngine": "athena"}])
def test_no_role_has_a_policy_that_somebody_else_wrote(parameters: dict[str, str]) -> None:
    for name, role in stack(**parameters).of_type("AWS::IAM::Role").items():
        assert not role["Properties"].get("ManagedPolicyArns"), name


def test_a_boundary_bounds_every_role() -> None:
    boundary = "arn:aws:iam::123456789012:policy/boundary"
    for name, role in stack(PermissionsBoundaryArn=boundary).of_type("AWS::IAM::Role").items():
        assert role["Properties"].get("PermissionsBoundary") == boundary, name


@pytest.mark.parametrize(
    "parameters", [{}, PRODUCTION, {"AnalysisEngine": "athena", "PredictSubnetIds": "subnet-1", "EmailSender": "a@b.c"}]
)
def test_nothing_is_granted_on_everything_but_what_takes_no_resource(parameters: dict[str, str]) -> None:
    for name, statement in policies(stack(**parameters)):
        assert not any("*" in action for action in listed(statement["Action"])), (name, statement)
        if "*" in listed(statement["Resource"]):
            assert set(listed(statement["Action"])) <= UNBOUND, (name, statement)


def test_what_parameters_add_is_added_to_every_function(production: Stack) -> None:
    roles = {f"{name}Role" for name in functions(production)}
    for policy in ("OwnKeyPolicy", "TracingPolicy"):
        assert {role["Ref"] for role in production.properties(policy)["Roles"]} == roles, policy


# Deployment


def test_whatever_invokes_a_function_invokes_its_alias(default: Stack) -> None:
    aliases = set(default.of_type("AWS::Lambda::Alias"))
    assert aliases == {f"{name}Aliaslive" for name in functions(default)}
    invoking: dict[str, Any] = {"HttpApi": default.properties("HttpApi")["Body"]}
    for kind, key in (
        ("AWS::Lambda::EventSourceMapping", "FunctionName"),
        ("AWS::Lambda::Permission", "FunctionName"),
        ("AWS::Scheduler::Schedule", "Target"),
    ):
        invoking |= {name: resource["Properties"][key] for name, resource in default.of_type(kind).items()}
    for name, expression in invoking.items():
        assert not referred(expression) & set(functions(default)), name
        assert referred(expression) & aliases, name


def test_function_urls_lead_to_an_alias_and_ask_for_a_signature() -> None:
    urls = stack(AdminAuthentication="iam").of_type("AWS::Lambda::Url")
    assert urls
    for name, url in urls.items():
        assert url["Properties"]["AuthType"] == "AWS_IAM", name
        assert url["Properties"]["Qualifier"] == "live" or referred(url["Properties"]["TargetFunctionArn"]) <= {
            f"{function}Aliaslive" for function in functions(stack())
        }, name


@pytest.mark.parametrize("rollout", ["AllAtOnce", "Canary10Percent5Minutes"])
def test_every_function_is_rolled_out_and_back(rollout: str) -> None:
    made = stack(Rollout=rollout)
    groups = made.of_type("AWS::CodeDeploy::DeploymentGroup")
    assert set(groups) == {f"{name}DeploymentGroup" for name in functions(made)}
    for name, group in groups.items():
        properties = group["Properties"]
        assert properties["DeploymentConfigName"] == f"CodeDeployDefault.Lambda{rollout}"
        assert "DEPLOYMENT_STOP_ON_ALARM" in properties["AutoRollbackConfiguration"]["Events"]
        function = name.removesuffix("DeploymentGroup")
        [alarm] = [each["Name"]["Ref"] for each in properties["AlarmConfiguration"]["Alarms"]]
        assert function in referred(made.properties(alarm)["Metrics"])
        role = properties["ServiceRoleArn"]["Fn::GetAtt"][0]
        assert function in referred(made.properties(role)["Policies"])


def test_a_stack_without_alarms_can_be_deployed() -> None:
    made = stack(Alarms="off")
    assert not made.of_type("AWS::CloudWatch::Alarm")
    for group in made.of_type("AWS::CodeDeploy::DeploymentGroup").values():
        assert not group["Properties"]["AlarmConfiguration"]


def test_new_settings_make_a_new_version() -> None:
    for name, resource in source()["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            assert resource["Properties"].get("AutoPublishAliasAllProperties") is True, name


def test_snapshots_are_for_functions_that_lambda_takes_them_of(production: Stack, default: Stack) -> None:
    started = {
        name: function["Properties"]
        for name, function in functions(production).items()
        if "SnapStart" in function["Properties"]
    }
    assert answering(production) - {"ReportsFunction"} | {"AuthorizeFunction"} <= started.keys()
    for name, properties in started.items():
        assert properties["SnapStart"] == {"ApplyOn": "PublishedVersions"}
        assert properties.get("EphemeralStorage", {"Size": 512})["Size"] <= 512, name
        assert "FileSystemConfigs" not in properties, name
    assert not any("SnapStart" in function["Properties"] for function in functions(default).values())


# Limits


def test_functions_answer_before_the_api_gives_up(default: Stack) -> None:
    for name in {*answering(default), "AuthorizeFunction"}:
        assert default.properties(name)["Timeout"] <= 29, name


def test_every_route_is_throttled_and_the_costly_ones_sooner(default: Stack) -> None:
    api = stage(default)
    usual = api["DefaultRouteSettings"]
    assert (usual["ThrottlingRateLimit"], usual["ThrottlingBurstLimit"]) == (1000, 2000)
    routes = {
        f"{method.upper()} {path}"
        for path, methods in default.properties("HttpApi")["Body"]["paths"].items()
        for method in methods
    }
    assert api["RouteSettings"].keys() <= routes
    administering = {route for route in routes if is_administrative(route)}
    assert administering | {"POST /batch_predict"} <= api["RouteSettings"].keys()
    for settings in api["RouteSettings"].values():
        assert settings["ThrottlingRateLimit"] < usual["ThrottlingRateLimit"]


def test_concurrency_is_reserved_where_it_is_asked_for(default: Stack) -> None:
    parameters = {f"{name}ReservedConcurrency": "7" for name in ("Assign", "Authorize", "Predict", "Ingest")}
    reserved = {
        name.removesuffix("Function"): function["Properties"]["ReservedConcurrentExecutions"]
        for name, function in functions(stack(**parameters)).items()
        if "ReservedConcurrentExecutions" in function["Properties"]
    }
    assert {name: str(value) for name, value in reserved.items()} == dict.fromkeys(
        ("Assign", "Authorize", "Predict", "Ingest"), "7"
    )
    assert not any("ReservedConcurrentExecutions" in each["Properties"] for each in functions(default).values())


def test_containers_are_kept_warm_where_it_is_asked_for(default: Stack) -> None:
    names = ("Assign", "Authorize", "Predict", "Ingest")
    warm = stack(**{f"{name}ProvisionedConcurrency": "7" for name in names})
    kept = {
        name: alias["Properties"]["ProvisionedConcurrencyConfig"]
        for name, alias in warm.of_type("AWS::Lambda::Alias").items()
        if "ProvisionedConcurrencyConfig" in alias["Properties"]
    }
    assert kept == {f"{name}FunctionAliaslive": {"ProvisionedConcurrentExecutions": "7"} for name in names}
    aliases = default.of_type("AWS::Lambda::Alias")
    assert aliases
    assert not any("ProvisionedConcurrencyConfig" in each["Properties"] for each in aliases.values())
    asserted = {str(each["Assert"]) for each in source()["Rules"]["SnapshotsNeedNoWarmContainers"]["Assertions"]}
    assert asserted == {str({"Fn::Equals": [{"Ref": f"{name}ProvisionedConcurrency"}, "0"]}) for name in names}


# Scale


def test_the_stream_has_shards_by_itself_or_as_many_as_were_asked_for(default: Stack) -> None:
    by_itself = default.properties("EventStream")
    assert (by_itself["StreamModeDetails"], "ShardCount" in by_itself) == ({"StreamMode": "ON_DEMAND"}, False)
    provisioned = stack(EventStreamShards="12").properties("EventStream")
    assert provisioned["StreamModeDetails"] == {"StreamMode": "PROVISIONED"}
    assert provisioned["ShardCount"] == "12"


def test_all_that_count_an_arm_spread_it_alike() -> None:
    spread = {
        name: function["Properties"]["Environment"]["Variables"]["BAKEOFF_COUNTER_SHARDS"]
        for name, function in functions(stack(CounterShards="64")).items()
        if "BAKEOFF_COUNTER_SHARDS" in function["Properties"]["Environment"]["Variables"]
    }
    assert spread == dict.fromkeys(("AssignFunction", "DeliverFunction", "PredictFunction"), "64")


def test_without_tallies_delivery_neither_knows_nor_may_write_their_tables(default: Stack) -> None:
    def may(of: Stack) -> set[str]:
        (policy,) = of.properties("DeliverFunctionRole")["Policies"]
        return {statement["Sid"] for statement in policy["PolicyDocument"]["Statement"]}

    off = stack(ArmTallies="off")
    assert may(default) - may(off) == {"TallyArms", "RememberWhatWasTallied"}
    variables = off.properties("DeliverFunction")["Environment"]["Variables"]
    assert variables["BAKEOFF_TALLIED_EVENTS_TABLE"] == ""


def test_the_functions_that_read_events_grow_with_them(default: Stack) -> None:
    grown = stack(AnalysisMemory="10240", AnalysisStorage="9000", CompactionMemory="3008")
    sizes = {
        name: (properties["MemorySize"], properties["EphemeralStorage"]["Size"])
        for name in ("AnalyzeFunction", "RefreshFunction", "ReportsFunction", "CompactFunction")
        if (properties := grown.properties(name))
    }
    assert sizes == {
        "AnalyzeFunction": ("10240", "9000"),
        "RefreshFunction": ("10240", "9000"),
        "ReportsFunction": ("10240", "9000"),
        "CompactFunction": ("3008", "9000"),
    }
    assert default.properties("AnalyzeFunction")["MemorySize"] == 1_769
    assert default.properties("CompactFunction")["MemorySize"] == 1_024


def test_no_other_site_may_call_unless_it_is_named(default: Stack) -> None:
    assert "x-amazon-apigateway-cors" not in default.properties("HttpApi")["Body"]
    named = stack(AllowedOrigins="https://shop.example.com,https://www.example.com")
    cors = named.properties("HttpApi")["Body"]["x-amazon-apigateway-cors"]
    assert cors["allowOrigins"] == ["https://shop.example.com", "https://www.example.com"]
    assert cors["allowCredentials"] is False
    assert not any("*" in listed(value) for value in cors.values())


@pytest.mark.parametrize(
    ("origins", "right"),
    [
        ("", True),
        ("https://shop.example.com", True),
        ("https://shop.example.com,http://localhost:8080", True),
        ("*", False),
        ("https://*", False),
        ("https://shop.example.com/", False),
        ("https://shop.example.com, https://www.example.com", False),
        ("shop.example.com", False),
    ],
)
def test_an_origin_is_one_origin(origins: str, right: bool) -> None:  # noqa: FBT001 - a parameter of the test
    pattern = source()["Parameters"]["AllowedOrigins"]["AllowedPattern"]
    assert (re.fullmatch(pattern, origins) is not None) is right


def test_a_web_acl_stands_before_everything_and_cannot_be_walked_around(production: Stack, default: Stack) -> None:
    [(name, distribution)] = production.of_type("AWS::CloudFront::Distribution").items()
    configuration = distribution["Properties"]["DistributionConfig"]
    assert configuration["WebACLId"] == ACL
    secret = "{{resolve:secretsmanager:${OriginSecret}}}"
    [origin] = configuration["Origins"]
    assert origin["OriginCustomHeaders"] == [{"HeaderName": "x-origin-secret", "HeaderValue": {"Fn::Sub": secret}}]
    assert configuration["DefaultCacheBehavior"]["ViewerProtocolPolicy"] == "https-only"
    for function in answering(production):
        variables = production.properties(function)["Environment"]["Variables"]
        assert variables["BAKEOFF_ORIGIN_SECRET"] == {"Fn::Sub": secret}, function
        assert default.properties(function)["Environment"]["Variables"]["BAKEOFF_ORIGIN_SECRET"] == ""
    assert referred(production.outputs["PublicApiUrl"]) == {name} or name in str(production.outputs["PublicApiUrl"])
    assert not default.of_type("AWS::CloudFront::Distribution")


# Data


def test_what_holds_data_outlives_the_stack(production: Stack, default: Stack) -> None:
    for kind in DATA:
        for name, resource in production.of_type(kind).items():
            assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain"), name
    for name, table in production.of_type("AWS::DynamoDB::Table").items():
        assert table["Properties"]["DeletionProtectionEnabled"] is True, name
        assert default.properties(name)["DeletionProtectionEnabled"] is False, name


def test_tables_can_be_restored_to_any_second(default: Stack) -> None:
    for name, table in default.of_type("AWS::DynamoDB::Table").items():
        recovery = table["Properties"]["PointInTimeRecoverySpecification"]
        assert recovery == {"PointInTimeRecoveryEnabled": True}, name


def test_buckets_are_private_versioned_and_tidied(default: Stack) -> None:
    for name, bucket in default.of_type("AWS::S3::Bucket").items():
        properties = bucket["Properties"]
        assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}, name
        assert len(properties["PublicAccessBlockConfiguration"]) == 4, name
        assert properties["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}], name
        assert properties["VersioningConfiguration"] == {"Status": "Enabled"}, name
        rules = {rule["Id"] for rule in properties["LifecycleConfiguration"]["Rules"] if rule["Status"] == "Enabled"}
        assert {"unfinished-uploads", "superseded-versions"} <= rules, name


def test_access_to_buckets_is_logged_where_a_bucket_is_named() -> None:
    for name, bucket in stack(BucketLogBucket="logs").of_type("AWS::S3::Bucket").items():
        assert bucket["Properties"]["LoggingConfiguration"]["DestinationBucketName"] == "logs", name


ENCRYPTION: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "AWS::DynamoDB::Table": lambda p: p["SSESpecification"].get("KMSMasterKeyId"),
    "AWS::Kinesis::Stream": lambda p: p["StreamEncryption"]["KeyId"],
    "AWS::Lambda::Function": lambda p: p.get("KmsKeyArn"),
    "AWS::Logs::LogGroup": lambda p: p.get("KmsKeyId"),
    "AWS::S3::Bucket": lambda p: p["BucketEncryption"]["ServerSideEncryptionConfiguration"][0][
        "ServerSideEncryptionByDefault"
    ].get("KMSMasterKeyID"),
    "AWS::SNS::Topic": lambda p: p.get("KmsMasterKeyId"),
    "AWS::SQS::Queue": lambda p: p.get("KmsMasterKeyId"),
    "AWS::SecretsManager::Secret": lambda p: p.get("KmsKeyId"),
}


@pytest.mark.parametrize("kind", ENCRYPTION)
def test_your_key_encrypts_everything(production: Stack, kind: str) -> None:
    resources = production.of_type(kind)
    assert resources
    assert {name: ENCRYPTION[kind](each["Properties"]) for name, each in resources.items()} == dict.fromkeys(
        resources, KEY
    )


def test_without_a_key_of_yours_aws_encrypts(default: Stack) -> None:
    for name, table in default.of_type("AWS::DynamoDB::Table").items():
        assert table["Properties"]["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}, name
    for name, bucket in default.of_type("AWS::S3::Bucket").items():
        [rule] = bucket["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}, name
    for name, queue in default.of_type("AWS::SQS::Queue").items():
        assert queue["Properties"]["SqsManagedSseEnabled"] is True, name
    for stream in default.of_type("AWS::Kinesis::Stream").values():
        assert stream["Properties"]["StreamEncryption"] == {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}


def test_results_of_athena_are_encrypted() -> None:
    for parameters, option in (({}, "SSE_S3"), ({"KmsKeyArn": KEY}, "SSE_KMS")):
        made = stack(AnalysisEngine="athena", **parameters)
        configuration = made.properties("AnalysisWorkGroup")["WorkGroupConfiguration"]["ResultConfiguration"]
        assert configuration["EncryptionConfiguration"]["EncryptionOption"] == option


def refuses_plain_http(document: Mapping[str, Any]) -> bool:
    return any(
        statement["Effect"] == "Deny"
        and statement["Principal"] == "*"
        and statement["Condition"] == {"Bool": {"aws:SecureTransport": False}}
        for statement in document["Statement"]
    )


@pytest.mark.parametrize(
    ("kind", "policy", "key"),
    [
        ("AWS::S3::Bucket", "AWS::S3::BucketPolicy", "Bucket"),
        ("AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "Queues"),
        ("AWS::SNS::Topic", "AWS::SNS::TopicPolicy", "Topics"),
    ],
)
def test_plain_http_is_refused(default: Stack, kind: str, policy: str, key: str) -> None:
    refusing = {
        name["Ref"]
        for each in default.of_type(policy).values()
        if refuses_plain_http(each["Properties"]["PolicyDocument"])
        for name in listed(each["Properties"][key])
    }
    assert refusing == set(default.of_type(kind))


def test_every_queue_that_feeds_a_function_gives_up_into_another(default: Stack) -> None:
    feeding = {
        each["Properties"]["EventSourceArn"]["Fn::GetAtt"][0]
        for each in default.of_type("AWS::Lambda::EventSourceMapping").values()
    } & set(default.of_type("AWS::SQS::Queue"))
    # What Lambda could not deliver is tried for as long as the queue keeps it, which outlasts the stream.
    for name in feeding - {"DeliveryFailures"}:
        assert "deadLetterTargetArn" in default.properties(name)["RedrivePolicy"], name


def test_a_message_comes_again_only_when_its_function_is_certainly_over(default: Stack) -> None:
    for mapping in default.of_type("AWS::Lambda::EventSourceMapping").values():
        [source] = referred(mapping["Properties"]["EventSourceArn"])
        if source in default.of_type("AWS::SQS::Queue"):
            function = mapping["Properties"]["FunctionName"]["Ref"].removesuffix("Aliaslive")
            hidden = default.properties(source)["VisibilityTimeout"]
            # What AWS asks for, so that throttled batches do not count as tries.
            assert hidden >= 6 * default.properties(function)["Timeout"], source


# Names, secrets, parameters

_NAMES = {
    "AlarmName",
    "ApplicationName",
    "BucketName",
    "DashboardName",
    "FunctionName",
    "LogGroupName",
    "QueueName",
    "RoleName",
    "Name",
    "TableName",
    "TopicName",
}


def test_two_stacks_live_in_one_account(default: Stack) -> None:
    athena = stack(AnalysisEngine="athena")
    for name, resource in athena.resources.items():
        for key in _NAMES & resource.get("Properties", {}).keys():
            value = resource["Properties"][key]
            in_its_own_namespace = resource["Type"] in {"AWS::Lambda::Alias", "AWS::ApiGatewayV2::Stage"}
            assert in_its_own_namespace or isinstance(value, Mapping) or value.startswith("stack-name"), (name, key)
    assert athena.properties("EventDatabase")["DatabaseInput"]["Name"] == {
        "Fn::Join": ["_", {"Fn::Split": ["-", "stack-name_events"]}]
    } or str(athena.properties("EventDatabase")["DatabaseInput"]["Name"]).startswith("stack_name")
    for function in functions(default).values():
        assert function["Properties"]["Environment"]["Variables"]["POWERTOOLS_METRICS_NAMESPACE"] == (
            "Bakeoff/stack-name"
        )


def test_the_template_holds_no_secret() -> None:
    document = source()
    for name, parameter in document["Parameters"].items():
        if parameter.get("NoEcho") or re.search("secret|password|token", name, re.IGNORECASE):
            assert parameter.get("Default", "") == "", name
    literal = re.compile(r"AKIA[0-9A-Z]{16}|-----BEGIN|password=|://[^/\s]+:[^/\s]+@|\bbk_[0-9a-f]")
    for path, value in walk(document):
        assert not (isinstance(value, str) and literal.search(value)), path


def test_every_parameter_says_what_it_is_for_and_decides_something() -> None:
    document = source()
    used = referred({key: document[key] for key in ("Conditions", "Globals", "Resources", "Outputs", "Rules")})
    for name, parameter in document["Parameters"].items():
        assert parameter["Description"].endswith("."), name
        assert name in used or f"${{{name}}}" in str(document["Resources"]), name


# Sight


def test_logs_are_structured_bounded_and_one_a_function(default: Stack) -> None:
    groups = default.of_type("AWS::Logs::LogGroup")
    for name, function in functions(default).items():
        logging = function["Properties"]["LoggingConfig"]
        assert logging["LogFormat"] == "Text", name  # the lines are JSON; Lambda's own level would hide some of them
        assert function["Properties"]["Environment"]["Variables"]["POWERTOOLS_LOG_LEVEL"] == "INFO", name
        assert logging["LogGroup"]["Ref"] == f"{name.removesuffix('Function')}Logs", name
    assert all(group["Properties"]["RetentionInDays"] == 30 for group in groups.values())
    for name, statement in policies(default):
        if "logs:PutLogEvents" in listed(statement["Action"]):
            assert referred(statement["Resource"]) == {f"{name.removesuffix('FunctionRole')}Logs"}, name


def test_the_access_log_holds_no_address_of_a_person(default: Stack) -> None:
    settings = stage(default)["AccessLogSettings"]
    assert "$context.requestId" in settings["Format"]
    assert not re.search("sourceIp|userAgent|caller|principalId", settings["Format"])


def test_tracing_is_a_parameter_for_every_function(production: Stack, default: Stack) -> None:
    for name in functions(production):
        assert production.properties(name)["TracingConfig"] == {"Mode": "Active"}
        assert default.properties(name)["TracingConfig"] == {"Mode": "PassThrough"}
