"""Fitting a network on markets: early stopping on the newest of them, then the same epochs on all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from trainers.decision_transformer.desk.markets import Market, Scales, split_by_time, with_mirrors
from trainers.decision_transformer.network.batches import sequence_loader
from trainers.decision_transformer.network.transformer import TraderDecisionTransformer
from trainers.decision_transformer.params import DecisionTransformerParams
from trainers.decision_transformer.training.epochs import Epoch, History
from trainers.decision_transformer.training.trainer import Loader, TraderTrainer
from trainers.interface import no_progress


@dataclass(frozen=True)
class Fitter:
    """How networks are fitted in one training of the desk.

    Args:
        params: of the model type.
        seed: of initial weights and of all that is drawn by lot.
        device: `cpu` or `cuda`.
        folder: where each training of a network has a folder of its name for its checkpoints; None keeps none.
        on_epoch: called after each epoch with the name of the training.
    """

    params: DecisionTransformerParams
    seed: int
    device: str
    folder: Path | None
    on_epoch: Callable[[str, Epoch], None]

    def selected_epoch(self, name: str, markets: Sequence[Market]) -> tuple[Epoch | None, list[Market], list[Market]]:
        """The best epoch by the newest markets; the markets trained on for it and those it was selected on.

        None where there are too few markets to hold any back.
        """
        early, late = split_by_time(markets, self.params.validation)
        if not late:
            return None, early, late
        scales = Scales.fit(early, self.params)
        history = self._train(name, self._network(scales), (scales, early, late))
        return history.best, early, late

    def fitted(self, name: str, markets: Sequence[Market], epochs: int) -> tuple[TraderDecisionTransformer, Scales]:
        """A network after so many epochs on these markets, and their scales."""
        scales = Scales.fit(markets, self.params)
        network = self._network(scales)
        self._train(name, network, (scales, markets, ()), epochs)
        return network, scales

    def _network(self, scales: Scales) -> TraderDecisionTransformer:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return TraderDecisionTransformer.of(self.params.network(len(scales.names), scales.return_scale))

    def _train(
        self,
        name: str,
        network: TraderDecisionTransformer,
        data: tuple[Scales, Sequence[Market], Sequence[Market]],
        until: int | None = None,
    ) -> History:
        scales, learned, held_back = data
        trainer = TraderTrainer(network, self.device, self.params.fit, seed=self.seed)
        trainer.train(
            self._loader(scales, with_mirrors(learned), shuffle=True),
            self._loader(scales, held_back) if held_back else None,
            until=until,
            output_dir=self.folder / name if self.folder else None,
            on_epoch=lambda epoch: self.on_epoch(name, epoch),
            progress=no_progress,
        )
        return trainer.history

    def _loader(self, scales: Scales, markets: Sequence[Market], *, shuffle: bool = False) -> Loader:
        sequences, windows = scales.sequences(markets, self.params.context)
        return sequence_loader(sequences, self.params.fit.batch_size, windows=windows, shuffle=shuffle)
