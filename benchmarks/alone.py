"""A task in a process of its own, which imports what the benchmark imports when it is started, and no more."""

import multiprocessing
from collections.abc import Callable


def ask_alone(
    name: str, measured: Callable[[Callable[[], object], multiprocessing.SimpleQueue], None], task: Callable[[], object]
) -> tuple:
    """Let ``measured`` run a task in a fresh interpreter, as a job has it, and return what it answers."""
    context = multiprocessing.get_context("spawn")
    answers = context.SimpleQueue()
    process = context.Process(target=measured, args=(task, answers))
    process.start()
    process.join()
    if process.exitcode != 0:
        raise SystemExit(f"{name} failed")
    return answers.get()
