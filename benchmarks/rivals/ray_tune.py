"""Ray Tune with OptunaSearch over a plain torch trainable: a trial for each learning rate, a core each.

Needs torch, `ray[tune]` and optuna.
"""

from __future__ import annotations

import argparse

from plain import losses, parser


def main() -> None:
    """Run the trials; Ray decides when."""
    import ray
    from ray import tune
    from ray.tune.search.optuna import OptunaSearch

    arguments = parser().parse_args()

    def trainable(setting: dict[str, float]) -> None:
        train(arguments, setting["learning_rate"])

    ray.init(num_cpus=arguments.at_once, include_dashboard=False, log_to_driver=False, configure_logging=False)
    tuner = tune.Tuner(
        tune.with_resources(trainable, {"cpu": 1}),
        param_space={"learning_rate": tune.choice(arguments.learning_rates)},
        tune_config=tune.TuneConfig(
            search_alg=OptunaSearch(), metric="loss", mode="min", num_samples=len(arguments.learning_rates)
        ),
        run_config=tune.RunConfig(storage_path=str(arguments.scratch.absolute()), verbose=0),
    )
    results = tuner.fit()
    ray.shutdown()
    if results.num_errors:
        raise SystemExit(f"{results.num_errors} trials failed")


def train(arguments: argparse.Namespace, learning_rate: float) -> None:
    """One trial, on one thread as Ray sets it; the loss is reported once, at the end."""
    from ray import tune

    last = 0.0
    for loss in losses(arguments, learning_rate):
        last = loss
    tune.report({"loss": float(last)})


if __name__ == "__main__":
    main()
