"""The columns that have a role: target, site, covariates, groups, visit."""

from dataclasses import dataclass, field

import numpy as np

from skfuse.io._blocks import numeric_block
from skfuse.io._log import CohortError, number_of, shorten

NO_TARGET = object()  # tables are read to predict from them
TASKS = (None, "classification", "regression")


@dataclass
class Roles:
    """The arguments of `read_cohort` that name columns."""

    target: str | None
    site: str | None = None
    covariates: list = field(default_factory=list)
    groups: str | None = None
    visit: str | None = None
    visit_value: str | None = None

    @property
    def names(self):
        """All columns that have a role."""
        named = (self.target, self.site, self.groups, self.visit)
        return {name for name in named if name is not None} | set(self.covariates)


def make_roles(target, site, covariates, groups, visit):
    """Check the arguments of `read_cohort` and `read_modalities` that name columns.

    Parameters
    ----------
    target : str or NO_TARGET
    site, groups : str or None
    covariates : str or sequence of str
    visit : str, tuple of (str, value) or None

    Returns
    -------
    roles : Roles

    Raises
    ------
    CohortError
        If a name is no text, or the target has a second role.
    """
    covariates = [covariates] if isinstance(covariates, str) else list(covariates or ())
    value = None
    if isinstance(visit, str) and "=" in visit:
        visit = tuple(visit.split("=", 1))
    if isinstance(visit, tuple | list):
        if len(visit) != 2:
            raise CohortError(f"`visit` must be a column, '<column>=<value>' or (column, value), got {visit!r}.")
        visit, value = visit[0], str(visit[1]).strip()
    given = {"target": target, "site": site, "groups": groups, "visit": visit}
    if target is NO_TARGET:
        del given["target"]
        target = None
    for argument, name in [*given.items(), *(("covariates", name) for name in covariates)]:
        if (name is None and argument != "target") or (isinstance(name, str) and name):
            continue
        raise CohortError(f"`{argument}` must name a column, got {name!r}.")
    if target is not None and target in (site, groups, visit, *covariates):
        raise CohortError(f"The target {target!r} cannot be a site, covariate, group or visit as well.")
    if len(set(covariates)) < len(covariates):
        raise CohortError(f"`covariates` names a column twice: {covariates}.")
    return Roles(target, site, covariates, groups, visit, value)


def check_columns(labels, roles):
    """Refuse roles whose columns the labels table does not have.

    Parameters
    ----------
    labels : RawTable
    roles : Roles

    Raises
    ------
    CohortError
        Lists the columns that there are.
    """
    labels.position(roles.target)
    for name in (roles.site, *roles.covariates):
        if name is not None:
            labels.position(name)
    if roles.groups is not None and roles.groups != labels.id_name:
        labels.position(roles.groups)


def read_site(labels, rows, roles, log):
    """Return the sites as text, None where missing: an ndarray of objects, or None without the role."""
    if roles.site is None:
        return None
    sites = labels.texts(roles.site)[rows.labels]
    unknown = np.array([site is None for site in sites])
    if unknown.any():
        log.warn(
            f"{labels.file}: {number_of(unknown.sum(), 'row')} without {roles.site!r}: {shorten(rows.names[unknown])}."
        )
    return sites


def read_covariates(labels, rows, roles, log):
    """Return the covariates as a Block of numbers, or None without the role."""
    if not roles.covariates:
        return None
    wanted = labels.select(labels.position(name) for name in roles.covariates)
    return numeric_block(wanted.take(rows.labels), log)


def read_groups(labels, rows, roles):
    """Return the groups as text: the named column, or the subject where rows are visits.

    Raises
    ------
    CohortError
        If a row has no group, or the rows of one id lie in two groups.
    """
    if roles.groups is None or roles.groups == labels.id_name:
        repeated = roles.groups is not None or rows.visits is not None
        return rows.ids if repeated else None
    groups = labels.texts(roles.groups)[rows.labels]
    unknown = np.array([group is None for group in groups])
    if unknown.any():
        raise CohortError(
            f"{labels.file}: {number_of(unknown.sum(), 'row')} without {roles.groups!r}: "
            f"{shorten(rows.names[unknown])}. Fill it in."
        )
    group_of = {}
    for text, group in zip(rows.ids, groups, strict=True):
        if group_of.setdefault(text, group) != group:
            raise CohortError(
                f"{labels.file}: rows of {text!r} lie in two groups of {roles.groups!r}, {group_of[text]!r} and "
                f"{group!r}, so one person could be in training and in test. Use a column that keeps a person together."
            )
    return groups
