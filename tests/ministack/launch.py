"""Starts ministack, an AWS emulator, for one test, on a free port of 127.0.0.1.

When the emulator listens, the script prints one line of JSON: {"url": "http://127.0.0.1:PORT"}.
When standard input ends, the script kills its process group, so a test that is killed leaves no
process behind. The script must therefore be the leader of its own process group. The emulator's
data is in TMPDIR.

A test controls the emulator with files in TMPDIR:

s3-time       The current time for S3.
refused.json  Maps resource types to error messages. CloudFormation fails to create or update
              resources of these types.
answers.json  Maps DynamoDB actions to responses, each with `request_part`, `status` and `body`.
              A call whose body contains `request_part` gets this response.
"""

import json
import os
import pathlib
import signal
import socket
import sys
import tempfile
import threading

# This file's folder is in the repository, where Python must not write bytecode.
sys.dont_write_bytecode = True
import codedeploy

sys.dont_write_bytecode = False

S3_TIME = pathlib.Path(tempfile.gettempdir(), "s3-time")
REFUSED = pathlib.Path(tempfile.gettempdir(), "refused.json")
ANSWERS = pathlib.Path(tempfile.gettempdir(), "answers.json")

# Resource types that ministack does not support, with the property that `Ref` returns. The emulator
# accepts these resources and does nothing. Tests check the resources in the rendered template.
RECORDED = {
    "AWS::CodeDeploy::Application": "ApplicationName",
    "AWS::CodeDeploy::DeploymentGroup": "DeploymentGroupName",
    "AWS::CloudWatch::CompositeAlarm": "AlarmName",
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::IAM::OIDCProvider": "Url",
}


def record(name_property):
    """Returns a provisioner that accepts every resource and does nothing.

    `Fn::GetAtt` with `Arn` returns the resource's name, even if the type has no such attribute:
    cfn-lint checks the attributes. Only the dashboard uses such an ARN.
    """

    def create(logical_id, properties, stack_name):
        name = properties.get(name_property) or f"{stack_name}-{logical_id}"
        return name, {"Arn": name}

    def update(physical_id, _old_properties, _properties, *_):
        return physical_id, {"Arn": physical_id}

    def delete(_physical_id, _properties):
        pass

    return {"create": create, "update": update, "delete": delete}


def without_metric_math(properties):
    """Returns an alarm's properties with the first metric in place of the property `Metrics`.

    ministack rejects `Metrics`, which metric math needs.
    """
    properties = dict(properties)
    for query in properties.pop("Metrics", None) or []:
        if "MetricStat" in query:
            stat = query["MetricStat"]
            properties.update(
                Namespace=stat["Metric"]["Namespace"],
                MetricName=stat["Metric"]["MetricName"],
                Dimensions=stat["Metric"].get("Dimensions", []),
                Period=stat["Period"],
                Statistic=stat["Stat"],
            )
            break
    return properties


def simplify(provisioner, rewrite):
    """Returns a provisioner that passes the properties through `rewrite`."""

    def create(logical_id, properties, stack_name):
        return provisioner["create"](logical_id, rewrite(properties), stack_name)

    def update(physical_id, old_properties, properties, *rest):
        return provisioner["update"](
            physical_id, rewrite(old_properties), rewrite(properties), *rest
        )

    return {**provisioner, "create": create, "update": update}


def fail_if_refused(resource_type, provisioner):
    """Returns a provisioner that fails while REFUSED contains the resource type."""

    def unless_refused(operation):
        def provision(*arguments):
            if REFUSED.exists():
                reason = json.loads(REFUSED.read_text()).get(resource_type)
                if reason is not None:
                    raise ValueError(reason)
            return operation(*arguments)

        return provision

    operations = {
        name: unless_refused(provisioner[name])
        for name in ("create", "update")
        if name in provisioner
    }
    return {**provisioner, **operations}


def with_answers(app, answer):
    """Returns an ASGI application that passes each call of the AWS JSON protocol to `answer`.

    `answer` returns a status and a body, or None if the original application must respond.
    """

    async def serve(scope, receive, send):
        target = dict(scope.get("headers", ())).get(b"x-amz-target")
        if target is None:
            return await app(scope, receive, send)
        messages, body = [], b""
        while not messages or messages[-1].get("more_body"):
            messages.append(await receive())
            body += messages[-1].get("body", b"")
        answered = answer(target.decode(), body.decode())
        if answered is None:

            async def receive_again():
                return messages.pop(0) if messages else await receive()

            return await app(scope, receive_again, send)
        status, content = answered
        headers = [(b"content-type", b"application/x-amz-json-1.0")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(content).encode()})

    return serve


def scripted_answers(deployments):
    """Returns a function that responds for CodeDeploy, and for DynamoDB from the file ANSWERS."""

    def answer(target, body):
        service, _, action = target.rpartition(".")
        if service.startswith("CodeDeploy"):
            content = deployments.answer(action, json.loads(body))
            return None if content is None else (200, content)
        if service.startswith("DynamoDB") and ANSWERS.exists():
            override = json.loads(ANSWERS.read_text()).get(action)
            if override and override["request_part"] in body:
                return override["status"], override["body"]
        return None

    return answer


def at_s3_time(now):
    """Returns a function for S3 that returns the time in S3_TIME, or `now()` without that file."""

    def time():
        return S3_TIME.read_text() if S3_TIME.exists() else now()

    return time


def end_with_stdin():
    """Kills this process group, which has the functions' processes, when standard input ends."""
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGKILL)


def main():
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    # ministack reads these variables at import, and the functions inherit them.
    os.environ.update(
        GATEWAY_PORT=str(port),
        MINISTACK_HOST="127.0.0.1",
        AWS_ENDPOINT_URL=url,
        LAMBDA_EXECUTOR="local",
    )
    threading.Thread(target=end_with_stdin, daemon=True).start()
    # Hides botocore from ministack. With botocore, ministack reads the model of every service, only
    # to correct a Content-Type, which takes a third of a test's time.
    sys.modules["botocore"] = None

    import asyncio

    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app
    from ministack.services.cloudformation import engine, stacks
    from ministack.services import s3
    from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS as provisioners

    for resource_type, name_property in RECORDED.items():
        provisioners.setdefault(resource_type, record(name_property))
    alarm = "AWS::CloudWatch::Alarm"
    provisioners[alarm] = simplify(provisioners[alarm], without_metric_math)
    deployments = codedeploy.CodeDeploy(url)
    codedeploy.order_by_update_policy(engine)
    codedeploy.run_on_worker_thread(stacks)
    provisioners[codedeploy.ALIAS] = deployments.with_hook(provisioners[codedeploy.ALIAS])
    for resource_type, provisioner in provisioners.items():
        provisioners[resource_type] = fail_if_refused(resource_type, provisioner)

    s3.now_iso = at_s3_time(s3.now_iso)

    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    print(json.dumps({"url": url}), flush=True)
    asyncio.run(serve(with_answers(app, scripted_answers(deployments)), config))


if __name__ == "__main__":
    main()
