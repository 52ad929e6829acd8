"""Train a policy with each of three seeds, and let them vote.

    python examples/policy_ensemble_example.py

From a shell, one seed after another: nightdesk train --model-type policy_cloner --dataset data/offline_dataset.npz
--output models/rl_seed42 --seed 42
"""

from __future__ import annotations

from data_pipeline.offline.dataset import OfflineDataset
from trainers import TrainingConfig, load_ensemble, train_seeds

config = TrainingConfig(dataset_path="data/offline_dataset.npz", output_dir="models/rl")
trained = train_seeds(config, seeds=(42, 123, 456))
ensemble = load_ensemble([metrics.policy_path for metrics in trained])

newest = OfflineDataset.load("data/offline_dataset.npz").in_order().states[-1]
action, strength, probabilities = ensemble.predict(newest, return_probs=True)
print(f"In the newest state they {action.name} with strength {strength:.2f}; probabilities {probabilities.round(3)}")
