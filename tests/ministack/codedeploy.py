"""CodeDeploy deployments with a BeforeAllowTraffic hook, which ministack does not support.

Before an alias moves to another version, the emulator invokes the function that the alias's
UpdatePolicy names as BeforeAllowTrafficHook. If the function reports success to CodeDeploy, the
alias moves at once. Otherwise, the update of the alias fails, and the stack rolls back.
"""

import json
import threading
import time
import urllib.request

ALIAS = "AWS::Lambda::Alias"


class CodeDeploy:
    """The emulator's deployments, and the actions of CodeDeploy's API that the tests need."""

    def __init__(self, url):
        self.url = url
        self.lock = threading.Lock()
        self.count = 0
        # The keys of these dictionaries are deployment ids.
        self.created = {}
        self.results = {}
        self.creators = {}

    def answer(self, action, body):
        """Returns the response to an action, or None for an unsupported action."""
        if action == "PutLifecycleEventHookExecutionStatus":
            self.results[body["deploymentId"]] = body["status"]
            return {"lifecycleEventHookExecutionId": body["lifecycleEventHookExecutionId"]}
        if action == "GetDeployment":
            id = body["deploymentId"]
            info = {"deploymentId": id, "creator": self.creators[id]}
            if self.results.get(id) == "Failed":
                info["errorInformation"] = {
                    "code": "HOOK_EXECUTION_FAILURE",
                    "message": "the hook BeforeAllowTraffic failed",
                }
            return {"deploymentInfo": info}
        if action == "ListDeployments" and "Failed" in body.get("includeOnlyStatuses", []):
            since = body.get("createTimeRange", {}).get("start", 0)
            failed = [
                id
                for id, result in self.results.items()
                if result == "Failed" and self.created[id] >= since
            ]
            return {"deployments": failed}
        return None

    def run_hook(self, hook, region, creator):
        """Invokes the hook for a new deployment. Raises an error if the hook reports no success."""
        with self.lock:
            self.count += 1
            deployment = f"d-{self.count}"
        self.created[deployment] = time.time()
        self.creators[deployment] = creator
        event = {"DeploymentId": deployment, "LifecycleEventHookExecutionId": f"hook-{deployment}"}
        credential = f"test/20260101/{region}/lambda/aws4_request"
        request = urllib.request.Request(
            f"{self.url}/2015-03-31/functions/{hook}/invocations",
            data=json.dumps(event).encode(),
            headers={
                "Authorization": f"AWS4-HMAC-SHA256 Credential={credential}, "
                "SignedHeaders=host, Signature=0",
            },
        )
        with urllib.request.urlopen(request, timeout=90) as answer:
            report = answer.read().decode()
        if self.results.get(deployment) != "Succeeded":
            raise ValueError(f"the deployment {deployment} failed: {report}")

    def with_hook(self, provisioner):
        """Returns a provisioner of aliases that runs the hook before an alias moves."""
        from ministack.core.responses import get_region
        from ministack.services.cloudformation import _stacks
        from ministack.services.cloudformation.provisioners import _lambda_function_for_cfn_ref

        def update(physical_id, old, new, stack_name, *rest):
            stack = _stacks[stack_name]
            hook = hook_of(stack["_template"], new)
            function = _lambda_function_for_cfn_ref(new["FunctionName"])[0]
            # After a failed hook, the rollback finds the alias at the old version and runs no hook.
            live = function["aliases"][new["Name"]]["FunctionVersion"]
            if hook and live != new["FunctionVersion"]:
                is_rollback = "ROLLBACK" in stack["StackStatus"]
                creator = "CloudFormationRollback" if is_rollback else "CloudFormation"
                self.run_hook(hook, get_region(), creator)
            return provisioner["update"](physical_id, old, new, stack_name, *rest)

        return {**provisioner, "update": update}


def hook_of(template, alias):
    """Returns the function name of the hook in an alias's UpdatePolicy, or None without a hook."""
    resources = template["Resources"]

    def function_name(reference):
        return resources[reference["Ref"]]["Properties"]["FunctionName"]

    for resource in resources.values():
        policy = resource.get("UpdatePolicy", {}).get("CodeDeployLambdaAliasUpdate", {})
        hook = policy.get("BeforeAllowTrafficHook")
        if hook and function_name(resource["Properties"]["FunctionName"]) == alias["FunctionName"]:
            return function_name(hook)
    return None


def order_by_update_policy(engine):
    """Makes a reference in an UpdatePolicy a dependency, as in CloudFormation."""
    property_dependencies = engine._extract_deps

    def dependencies(resource, names):
        policy = {"Properties": resource.get("UpdatePolicy", {})}
        return property_dependencies(resource, names) | property_dependencies(policy, names)

    engine._extract_deps = dependencies


def run_on_worker_thread(stacks):
    """Updates aliases on a worker thread, so that the emulator can serve the hook's calls."""
    original = stacks._runs_on_worker_thread
    stacks._runs_on_worker_thread = lambda type: type == ALIAS or original(type)
