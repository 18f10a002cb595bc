"""What is one call of fit given? A whole table, or one chunk of many, and what an earlier call left."""

from dataclasses import dataclass, field
from numbers import Real
from typing import Any, NamedTuple

from skimbalance._callbacks import FitTask, NoFitTask
from skimbalance.assembly import TrainingState, is_auto, new_selection, plan_chunk, plan_rows
from skimbalance.data.growing import GrowingColumns
from skimbalance.data.holdout import plan_hold_out
from skimbalance.data.reservoir import GroupReservoir
from skimbalance.data.sample import TrainingSample
from skimbalance.data.table import Columns
from skimbalance.ensemble import resolve_ensemble
from skimbalance.fitted import Fitted


class Before(NamedTuple):
    """What the call before left, from which a warm start or a later chunk goes on."""

    fitted: Fitted
    state: TrainingState


def _memory(task, before):
    """Return what earlier calls, from which this one goes on, have left of groups, or None."""
    reservoir = None if before is None or task.rows.groups is None else before.state.reservoir
    return reservoir if isinstance(reservoir, GroupReservoir) else None


class WholeTable:
    """All rows there are: ``fit``."""

    #: What the caller calls.
    method = "fit"
    #: Class that describes the columns of the table.
    columns = Columns
    #: What layers know of earlier chunks, when a network is built; None where there are no chunks.
    seen = None

    def count(self, counts, before):
        """Return the class counts, (n_classes,), that weights and the prior follow."""
        return counts

    def counts_of_all(self, draft):
        """Return the counts that a strategy cannot take from the rows it is given, or None."""
        return

    def settles(self, columns):
        """Whether the rows of a later call may change how columns are read."""
        return False

    def sets_apart(self, before):
        """Whether rows can be set apart that no training has seen: a call that goes on may have trained on any."""
        return before is None

    def base_models(self, draft, recipe):
        """Return which base models are grown beside the network: settings by name."""
        return resolve_ensemble(recipe.ensemble if is_auto(draft.ensemble) else draft.ensemble)

    def plan(self, draft, task, before):
        """Return which rows are held out, and the reservoir of those held out from chunks so far, or None."""
        if task.given is None:
            plan = self._plan(draft, task, before)
        else:
            plan = plan_hold_out(task.rows, draft.classes_, draft.prior_, given=task.given)
        return plan, _memory(task, before)

    def remembered(self, plan, reservoir, rng):
        """Return the reservoir for later chunks: which groups are held out, where rows have any."""
        return None if plan.rows.groups is None else GroupReservoir.of_fit(plan, rng, reservoir)

    def sample(self, draft, plan, before, rng):
        """Return the rows for base models that are grown later, or None."""
        return

    def plan_for_calibrator(self, draft, task, plan, before):
        """Return the plan where the loss, once known, needs a calibrator."""
        return plan if plan.held_out() is not None else self._plan(draft, task, before, calibrates=True)

    def _plan(self, draft, task, before, calibrates=False):
        share, memory = task.settings["validation_split"], _memory(task, before)
        plan = plan_rows(draft, task.rows, task.strategy, task.recipe, share, task.rng.split, calibrates)
        return plan if memory is None or task.rows.out is not None else memory.keep_sides(plan, share)

    def own_split(self, split):
        """Return the ``validation_split``, where it says which rows are held out rather than how many; else None."""
        return None if isinstance(split, Real) else split

    def selection(self, draft, task, held_out, members):
        """Return what chooses the epoch that each member keeps, or None."""
        return new_selection(draft, task.recipe, held_out, members, task.positive)

    def first_epoch(self, draft, settings):
        """Return the number of the first epoch."""
        return settings["initial_epoch"]

    def steps_before(self, state):
        """Return how many earlier gradient steps count for schedules of the learning rate."""
        return 0


class Chunk(WholeTable):
    """One chunk of many: ``partial_fit``."""

    method, columns, seen = "partial_fit", GrowingColumns, {}

    def count(self, counts, before):
        """Return the class counts, (n_classes,), of all chunks so far."""
        return counts + before

    def counts_of_all(self, draft):
        """Return the counts of all chunks so far: a strategy sees the rows of one."""
        return draft.class_count_

    def settles(self, columns):
        """Whether the rows of a later call may change how columns are read: not after ``fit``."""
        return isinstance(columns, GrowingColumns)

    def sets_apart(self, before):
        """Return False: later chunks may hold copies."""
        return False

    def base_models(self, draft, recipe):
        """Return none: base models need all rows at once, and are grown later on a sample."""
        return {}

    def sample(self, draft, plan, before, rng):
        """Return a sample of the rows of all chunks that are trained on, where base models are asked for by name."""
        if is_auto(draft.ensemble) or not resolve_ensemble(draft.ensemble):
            return None
        sample = (None if before is None else before.state.sample) or TrainingSample(rng)
        kept, rows = plan.kept, plan.rows
        return sample.with_piece(rows.X[rows.index[kept]], rows.classes[kept], rows.weight[kept])

    def plan(self, draft, task, before):
        """Return which rows are held out, and the reservoir of those held out from chunks so far, or None."""
        if task.given is not None:
            return super().plan(draft, task, before)
        share = task.settings["validation_split"] or (task.recipe.hold_out if draft.calibration else 0.0)
        return plan_chunk(draft, task.rows, None if before is None else before.state, share, task.rng.split)

    def remembered(self, plan, reservoir, rng):
        """Return the reservoir for later chunks."""
        return reservoir

    def plan_for_calibrator(self, draft, task, plan, before):
        """Return the plan as it is: a stream holds out what `validation_split` says."""
        return plan

    def selection(self, draft, task, held_out, members):
        """Return None: each chunk is one epoch."""
        return

    def own_split(self, split):
        """Refuse a split of the caller's own: each chunk would need another one."""
        if not isinstance(split, Real):
            said = "[(train, test)]" if isinstance(split, list | tuple) else repr(split)
            raise ValueError(
                f"validation_split={said} holds out rows of one table; partial_fit takes a share of all chunks, "
                "such as 0.1, with groups= where rows belong together, or fit__validation_data=(X, y)."
            )

    def first_epoch(self, draft, settings):
        """Return the number of epochs so far."""
        return draft.current_epoch

    def steps_before(self, state):
        """Return how many earlier gradient steps count for schedules of the learning rate."""
        return state.n_steps


WHOLE_TABLE, CHUNK = WholeTable(), Chunk()


@dataclass(frozen=True, eq=False)
class Call:
    """What one call of ``fit``, ``partial_fit`` or ``initialize`` is given.

    Attributes
    ----------
    X, y, sample_weight : object
        As the caller gave them.
    fit_params : dict
        Settings for this call alone.
    extent : WholeTable or Chunk
        Whether the rows are all there are.
    before : Before or None
        What it goes on from; None trains from scratch.
    classes : array-like or None
        All labels that there will be.
    groups : array-like or None
        Group of each row.
    validation_data : tuple or None
        Held-out rows of the caller's own.
    task : FitTask or NoFitTask
        What tells callbacks of scikit-learn how far the fit is.
    """

    X: Any
    y: Any
    sample_weight: Any
    fit_params: dict
    extent: WholeTable = WHOLE_TABLE
    before: Before | None = None
    classes: Any = None
    groups: Any = None
    validation_data: Any = None
    task: FitTask | NoFitTask = field(default_factory=NoFitTask)
