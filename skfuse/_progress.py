"""Word of how far a fit has come, for the callbacks of scikit-learn."""

from contextlib import contextmanager


@contextmanager
def task_of(context, estimator, name):
    """A part of a fit that callbacks are told about; without a context there is nobody to tell.

    Parameters
    ----------
    context : CallbackContext or None
        Of the fit.
    estimator : estimator instance
    name : str
        Of the part.
    """
    if context is None:
        yield
        return
    task = context.subcontext(task_name=name).call_on_fit_task_begin(estimator=estimator)
    yield
    task.call_on_fit_task_end(estimator=estimator)
