"""Starts ministack, an AWS emulator, for one test, on a free port of 127.0.0.1.

It prints one line of JSON when it listens: {"url": "http://127.0.0.1:PORT"}.
It ends, with every function that it runs, when its standard input ends, so that
a test that is killed leaves nothing behind. It has to be started as the leader
of a process group of its own; its data is in TMPDIR.

A test makes CloudFormation fail by writing TMPDIR/refused.json, an object of
resource types and reasons: until it is removed, resources of these types can
neither be created nor updated.
"""

import json
import os
import pathlib
import signal
import socket
import sys
import tempfile
import threading

REFUSED = pathlib.Path(tempfile.gettempdir(), "refused.json")

# Types that ministack does not know. They are recorded as they are, and do
# nothing: what they ask of AWS is checked on the rendered template.
# A reference to one of them gives the property named here.
RECORDED = {
    "AWS::CodeDeploy::Application": "ApplicationName",
    "AWS::CodeDeploy::DeploymentGroup": "DeploymentGroupName",
    "AWS::CloudWatch::CompositeAlarm": "AlarmName",
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::IAM::OIDCProvider": "Url",
}


def record(name_property):
    """The provisioner of a type that is only recorded.

    Its ARN is its name, which only the dashboard's text gets to see; whether the
    type has one is for cfn-lint to say.
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
    """An alarm's properties with its first metric in the place of an expression.

    ministack refuses `Metrics`; like this the alarm at least exists.
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
    """The provisioner, given properties that `rewrite` has made simpler."""

    def create(logical_id, properties, stack_name):
        return provisioner["create"](logical_id, rewrite(properties), stack_name)

    def update(physical_id, old_properties, properties, *rest):
        return provisioner["update"](
            physical_id, rewrite(old_properties), rewrite(properties), *rest
        )

    return {**provisioner, "create": create, "update": update}


def refusable(resource_type, provisioner):
    """The provisioner, which fails while REFUSED names its type."""

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


def end_with_stdin():
    """Kills this process group, the functions included, once stdin has ended."""
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGKILL)


def main():
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    # ministack reads these when it is imported; the functions inherit them.
    os.environ.update(
        GATEWAY_PORT=str(port),
        MINISTACK_HOST="127.0.0.1",
        AWS_ENDPOINT_URL=url,
        LAMBDA_EXECUTOR="local",
    )
    threading.Thread(target=end_with_stdin, daemon=True).start()
    # ministack goes without botocore where it is not there. With it, it reads the models
    # of every service that it is asked for, to correct a Content-Type that no caller of
    # ours reads: a third of what a test costs it.
    sys.modules["botocore"] = None

    import asyncio

    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app
    from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS as provisioners

    for resource_type, name_property in RECORDED.items():
        provisioners.setdefault(resource_type, record(name_property))
    alarm = "AWS::CloudWatch::Alarm"
    provisioners[alarm] = simplify(provisioners[alarm], without_metric_math)
    for resource_type, provisioner in provisioners.items():
        provisioners[resource_type] = refusable(resource_type, provisioner)

    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    print(json.dumps({"url": url}), flush=True)
    asyncio.run(serve(app, config))


if __name__ == "__main__":
    main()
