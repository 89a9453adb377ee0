"""Keeps XLA's compiler for processors from ordering steps so that they run side by side.

With jaxlib 0.10 the gradient of a likelihood, ordered so, sometimes waits for itself on two processors: all threads of
XLA sleep and the call never returns. XLA reads the flag when it compiles its first program, so this is without effect
where one was compiled before starglow.jax is imported. A setting of the user's stays as it is. Other versions may not
know the flag, and XLA ends a process at a flag that it does not know.
"""

import os

import jaxlib.version

_FLAG = "--xla_cpu_enable_concurrency_optimized_scheduler"
_FLAGS = os.environ.get("XLA_FLAGS", "")

if jaxlib.version.__version__.startswith("0.10.") and _FLAG not in _FLAGS:
    os.environ["XLA_FLAGS"] = f"{_FLAGS} {_FLAG}=false".strip()
