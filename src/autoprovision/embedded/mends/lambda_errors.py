"""A function's error keeps its name.

AWS: an exception of a handler is answered with `errorType`, the exception's class, and
`stackTrace`; a workflow's Retry and Catch match `errorType` (Lambda developer guide, "Function
errors in Python").

MiniStack: answers every exception of a Python function as `Runtime.HandlerError`.

Mend: the process that runs the handler says the class and the trace, and the answer carries them.
"""
# ruff: noqa: SLF001 - MiniStack is mended at its inner functions; it has no other place.

import threading
from typing import Any

_SAID = '"error": str(e), "trace": traceback.format_exc()'
_TYPE_TOO = '"errorType": type(e).__name__'
_TRACE_TOO = '"stackTrace": traceback.format_tb(e.__traceback__)[1:]'
_last = threading.local()


def apply() -> None:
    """Carry the class of a handler's exception to the answer."""
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc

    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    if _SAID not in script:
        message = "MiniStack's worker script no longer says errors as expected"
        raise RuntimeError(message)
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(
        _SAID, f"{_SAID}, {_TYPE_TOO}, {_TRACE_TOO}"
    )
    _remember_errors(lambda_runtime.Worker)
    execute = lambda_svc._execute_function_warm

    def execute_and_name(*arguments: Any, **options: Any) -> dict[str, Any]:
        _last.answer = {}
        result: dict[str, Any] = execute(*arguments, **options)
        answer = _last.answer
        if result.get("error") and "errorType" in answer:
            named = {key: answer[key] for key in ("errorType", "stackTrace")}
            result["body"] = {**result["body"], **named}
        return result

    lambda_svc._execute_function_warm = execute_and_name


def _remember_errors(worker: Any) -> None:
    invoke = worker.invoke

    def invoke_and_remember(self: Any, *arguments: Any, **options: Any) -> dict[str, Any]:
        answer: dict[str, Any] = invoke(self, *arguments, **options)
        _last.answer = answer
        return answer

    worker.invoke = invoke_and_remember
