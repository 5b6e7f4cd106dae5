"""What a sweep tries next: the cells of a grid in order, or draws from the parameters' distributions.

W&B's server reads from the runs' configs what has been tried; `bayes` is random here.
"""

from __future__ import annotations

import itertools
import json
import math
import random
from typing import Any

from tests.wandb_server.refusing import Refused
from tests.wandb_server.state import State, Sweep

Args = dict[str, dict[str, Any]]


def propose(state: State, sweep: Sweep) -> Args | None:
    """The next proposal's args, or None where a grid is exhausted or the cap on runs is reached."""
    cap = sweep.config.get("run_cap")
    if cap is not None and len(state.runs_of(sweep)) >= cap:
        return None
    parameters: dict[str, Any] = sweep.config.get("parameters", {})
    if sweep.config["method"] != "grid":
        return {name: {"value": _draw(parameters[name], state.draws)} for name in sorted(parameters)}
    known = [run.config for run in state.runs_of(sweep)] + sweep.proposals
    tried = {_key(each, parameters) for each in known}
    return next((args for args in _cells(parameters) if _key(args, parameters) not in tried), None)


def _key(args: dict[str, Any], parameters: dict[str, Any]) -> str:
    return json.dumps([args.get(name, {}).get("value") for name in sorted(parameters)])


def _cells(parameters: dict[str, Any]) -> list[Args]:
    names = sorted(parameters)
    choices = [_choices(name, parameters[name]) for name in names]
    return [
        {name: {"value": value} for name, value in zip(names, cell, strict=True)}
        for cell in itertools.product(*choices)
    ]


def _choices(name: str, parameter: dict[str, Any]) -> list[Any]:
    match parameter:
        case {"values": values}:
            return values
        case {"value": value}:
            return [value]
        case {"distribution": "int_uniform", "min": low, "max": high}:
            return list(range(low, high + 1))
        case {"distribution": "q_uniform", "min": low, "max": high}:
            q = parameter.get("q", 1)
            return [low + q * step for step in range(int((high - low) / q) + 1)]
    raise Refused(f"Invalid sweep config: parameter {name} is not discrete, grid search is impossible")


def _draw(parameter: dict[str, Any], draws: random.Random) -> Any:  # noqa: PLR0911 - one line a distribution
    q = parameter.get("q", 1)
    match parameter:
        case {"value": value}:
            return value
        case {"values": values}:
            return draws.choices(values, weights=parameter.get("probabilities"))[0]
        case {"min": low, "max": high, "distribution": kind}:
            match kind:
                case "int_uniform":
                    return draws.randint(low, high)
                case "uniform":
                    return draws.uniform(low, high)
                case "q_uniform":
                    return round(draws.uniform(low, high) / q) * q
                case "log_uniform":
                    return math.exp(draws.uniform(low, high))
                case "log_uniform_values":
                    return math.exp(draws.uniform(math.log(low), math.log(high)))
                case "q_log_uniform_values":
                    return round(math.exp(draws.uniform(math.log(low), math.log(high))) / q) * q
    raise Refused(f"the stand-in cannot draw from {parameter}")


def check(config: dict[str, Any]) -> None:
    """Refuse what W&B's server refuses outright.

    Raises:
        Refused: no method that it knows, or parameters that the method cannot search.
    """
    method, parameters = config.get("method"), config.get("parameters")
    if method not in {"grid", "random", "bayes", "custom"}:
        raise Refused(f"Invalid sweep config: method {method!r} must be one of grid, random, bayes, custom")
    if method == "custom":
        return
    if not isinstance(parameters, dict) or not parameters:
        raise Refused("Invalid sweep config: there are no parameters")
    if method == "bayes" and "name" not in config.get("metric", {}):
        raise Refused("Invalid sweep config: bayes needs a metric")
    if method == "grid":
        _cells_are_discrete(parameters)
    else:
        for parameter in parameters.values():
            _draw(parameter, random.Random(0))


def _cells_are_discrete(parameters: dict[str, Any]) -> None:
    for name, parameter in parameters.items():
        _choices(name, parameter)
