"""The hook of CodeDeploy deployments, which ministack does not support.

Before an alias moves to another version, the function in BeforeAllowTrafficHook of its
UpdatePolicy runs. If the function reports success to CodeDeploy, the alias moves at once.
Otherwise, the update of the alias fails, and the stack rolls back.
"""

import json
import threading
import time
import urllib.request

ALIAS = "AWS::Lambda::Alias"


class CodeDeploy:
    """The deployments of an emulator, and the API of CodeDeploy for hooks."""

    def __init__(self, url):
        self.url = url
        self.lock = threading.Lock()
        self.count = 0
        # By deployment id.
        self.created = {}
        self.results = {}
        self.creators = {}

    def answer(self, action, body):
        """Return the response to an action of the hook, or None for any other action."""
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
        """Runs a hook for a new deployment; raises unless the hook reports success."""
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

    def hooked(self, provisioner):
        """Returns a provisioner of aliases that runs the hook before an alias moves."""
        from ministack.core.responses import get_region
        from ministack.services.cloudformation import _stacks
        from ministack.services.cloudformation.provisioners import _lambda_function_for_cfn_ref

        def update(physical_id, old, new, stack_name, *rest):
            stack = _stacks[stack_name]
            hook = hook_of(stack["_template"], new)
            function = _lambda_function_for_cfn_ref(new["FunctionName"])[0]
            # The rollback of an update that the hook failed moves no alias.
            live = function["aliases"][new["Name"]]["FunctionVersion"]
            if hook and live != new["FunctionVersion"]:
                goes_back = "ROLLBACK" in stack["StackStatus"]
                creator = "CloudFormationRollback" if goes_back else "CloudFormation"
                self.run_hook(hook, get_region(), creator)
            return provisioner["update"](physical_id, old, new, stack_name, *rest)

        return {**provisioner, "update": update}


def hook_of(template, alias):
    """Returns the name of the hook in an alias's UpdatePolicy; None without a hook."""
    resources = template["Resources"]

    def name_of(reference):
        return resources[reference["Ref"]]["Properties"]["FunctionName"]

    for resource in resources.values():
        policy = resource.get("UpdatePolicy", {}).get("CodeDeployLambdaAliasUpdate", {})
        hook = policy.get("BeforeAllowTrafficHook")
        if hook and name_of(resource["Properties"]["FunctionName"]) == alias["FunctionName"]:
            return name_of(hook)
    return None


def order_by_update_policy(engine):
    """Makes the engine update the targets of an UpdatePolicy first, as CloudFormation does."""
    of_properties = engine._extract_deps

    def dependencies(resource, names):
        policy = {"Properties": resource.get("UpdatePolicy", {})}
        return of_properties(resource, names) | of_properties(policy, names)

    engine._extract_deps = dependencies


def run_on_worker_thread(stacks):
    """Updates aliases on a worker thread, so that the emulator can serve the hook's calls."""
    others = stacks._runs_on_worker_thread
    stacks._runs_on_worker_thread = lambda type: type == ALIAS or others(type)
