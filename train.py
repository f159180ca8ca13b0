"""Train one network, or with `-m` a sweep of them: see README.md."""

import hydra
from omegaconf import DictConfig


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg: DictConfig) -> float:
    from simplicity_sweep.task import run

    return run(cfg)


if __name__ == "__main__":
    main()
