"""Ends the program after so many optimizer steps: a preflight, and the search for the first
differing step, need no more.

REPROBOX_STOP_AFTER_STEPS=n counts the steps of all optimizers of a process together, as the
operation trace does. The end is SystemExit(0) out of the n-th step, so `finally` blocks and exit
handlers run; the marker says `stopped`.
"""

import os


class Stop:
    """The hook, registered after the trail's and the operation trace's, so that both have written
    the last step.
    """

    def __init__(self, limit, state):
        self._limit, self._state, self._steps = limit, state, 0

    def after_step(self, *_args, **_kwargs):
        """Counts; at the limit, and at every step after it where the program has caught the first,
        it ends.
        """
        self._steps += 1
        if self._steps >= self._limit:
            self._state.marker["stopped"] = self._steps
            self._state.write()
            raise SystemExit(0)


def install(state):
    """Called by sitecustomize when torch is ready."""
    from torch.optim.optimizer import register_optimizer_step_post_hook

    register_optimizer_step_post_hook(
        Stop(int(os.environ["REPROBOX_STOP_AFTER_STEPS"]), state).after_step
    )
