"""Deleting a stack that is being created ends its creation.

AWS: DeleteStack may be called while a stack is CREATE_IN_PROGRESS; its creation stops and what was
made is deleted (API reference of DeleteStack; user guide, "Delete a stack").

MiniStack: deletes what is there, and the creation goes on: the stack that was DELETE_COMPLETE makes
more resources and ends as ROLLBACK_FAILED.

Mend: the task that creates a stack is cancelled before the one that deletes it begins.
"""
# ruff: noqa: SLF001 - MiniStack is mended at its inner functions; it has no other place.

import asyncio
from typing import Any, cast

_DELETION = "_delete_stack_async"


def apply() -> None:
    """Cancel what is at work on a stack when its deletion begins."""
    from ministack.services.cloudformation import handlers, stacks

    begin = stacks._create_stack_task_in_region
    at_work: dict[str, asyncio.Task[Any]] = {}

    def begin_alone(work: Any, stack: Any, stack_id: str | None = None) -> None:
        key = stack_id or str((stack or {}).get("StackId", ""))
        before = at_work.get(key)
        if _DELETION in work.__qualname__ and before is not None:
            before.cancel()  # nothing, when it has ended

        async def noted() -> None:
            at_work[key] = cast("asyncio.Task[Any]", asyncio.current_task())
            await work

        begin(noted(), stack, stack_id)

    handlers._create_stack_task_in_region = begin_alone
