"""Calls a function in a fresh process, so that memory, environment and CPU affinity are its own."""

import concurrent.futures
import multiprocessing
import os
import resource
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from unittest import mock

Result = TypeVar("Result")


def call(
  function: Callable[..., Result],
  *arguments: Any,
  environment: Mapping[str, str] | None = None,
) -> Result:
  """Calls a function in a new process, and returns what it returns.

  Args:
    function: at the top level of a module, so that the new process can import it.
    *arguments: of the function; they and its result are pickled.
    environment: variables that are set in the new process.

  Raises:
    Exception: whatever the function raises.

  Example:
    >>> call(os.getenv, "GREETING", environment={"GREETING": "hello"})
    'hello'
  """
  context = multiprocessing.get_context("spawn")
  with (
    mock.patch.dict(os.environ, environment or {}),
    concurrent.futures.ProcessPoolExecutor(1, context) as pool,
  ):
    return pool.submit(function, *arguments).result()


def peak_memory_mb() -> float:
  """Returns the largest resident memory that this process has had, in MB (2**20 bytes).

  Example:
    >>> peak_memory_mb() > 1
    True
  """
  return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
