"""Every site predicted by models of the others."""

import numpy as np

from skfuse.plotting._display import Display, say_nothing_to_show
from skfuse.plotting._forest import Mark, Row, draw_forest, forest_height
from skfuse.plotting._style import COLORS, INK, MUTED, interval, number

_MOST_SITES = 50


class SiteForestDisplay(Display):
    """Scores at sites that the models had not seen, their pool and the interval for a new site.

    Parameters
    ----------
    sites : list of dict
        ``site``, ``n_subjects``, ``n_events``, ``scored``, ``reason``, ``value``, ``lower``, ``upper``.
    pool : dict or None
        ``estimate``, ``lower``, ``upper``, ``prediction_lower``, ``prediction_upper``.
    strategy : str
        Whose scores they are.
    scoring : str
        Name of the score.

    Examples
    --------
    >>> from skfuse.plotting import SiteForestDisplay
    >>> site = {"site": "Oslo", "n_subjects": 40, "n_events": 12, "scored": True, "reason": ""}
    >>> site |= {"value": 0.8, "lower": 0.65, "upper": 0.9}
    >>> SiteForestDisplay([site], None, "late-mean", "AUC").plot().ax_.get_xlabel()
    'AUC of late-mean at sites not seen'
    """

    def __init__(self, sites, pool, strategy, scoring):
        self.sites = sites
        self.pool = pool
        self.strategy = strategy
        self.scoring = scoring

    @classmethod
    def from_comparison(cls, comparison, *, strategy=None):
        """Collect the sites, the largest first.

        Parameters
        ----------
        comparison : Comparison
            From ``compare_strategies``, with sites.
        strategy : str or None
            Whose scores; None takes the headline strategy, or the reference where there is none.

        Returns
        -------
        display : SiteForestDisplay
            Not drawn yet.
        """
        strategy = strategy or comparison.headline or comparison.reference
        table, pool = comparison.tables["sites"], comparison.tables["site_pool"]
        own = table[table["strategy"] == strategy].sort_values("n_subjects", ascending=False, kind="stable")
        pooled = pool[pool["strategy"] == strategy].to_dict("records")
        return cls(own.to_dict("records"), pooled[0] if pooled else None, strategy, comparison.scoring)

    def _height(self, width):
        return forest_height(self._rows(), width)

    def _rows(self):
        scored = [site for site in self.sites if site["scored"]]
        rows = [
            Row(
                f"{site['site']} (n = {site['n_subjects']})",
                (Mark(site["value"], site["lower"], site["upper"], COLORS[0], "s"),),
                f"{number(site['value'])} {interval(site['lower'], site['upper'])}",
            )
            for site in scored[:_MOST_SITES]
        ]
        if len(scored) > _MOST_SITES:
            rows.append(Row(f"and {len(scored) - _MOST_SITES} smaller sites: see the table", muted=True))
        if self.pool is not None and np.isfinite(self.pool["estimate"]):
            rows += self._pooled()
        skipped = [site for site in self.sites if not site["scored"]]
        rows += [
            Row(f"{site['site']} (n = {site['n_subjects']})", text=f"not scored: {site['reason']}", muted=True)
            for site in skipped[:_MOST_SITES]
        ]
        return rows

    def _pooled(self):
        pool = self.pool
        drawn = [
            Row(
                "all sites, pooled",
                (Mark(pool["estimate"], pool["lower"], pool["upper"], INK, "D"),),
                f"{number(pool['estimate'])} {interval(pool['lower'], pool['upper'])}",
                bold=True,
            )
        ]
        ends = pool["prediction_lower"], pool["prediction_upper"]
        if np.isfinite(ends).all():
            band = Mark(pool["estimate"], *ends, MUTED, "|", thick=True)
            drawn.append(Row("expected at a new site", (band,), interval(*ends), bold=True))
        return drawn

    def _draw(self, ax):
        rows = self._rows()
        if not rows:
            say_nothing_to_show(ax, "There are no sites to show.")
            return
        pool = self.pool["estimate"] if self.pool is not None else np.nan
        line = pool if np.isfinite(pool) else None
        draw_forest(ax, rows, xlabel=f"{self.scoring} of {self.strategy} at sites not seen", line=line)
