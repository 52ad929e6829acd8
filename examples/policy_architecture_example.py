"""Train a larger policy than the default on a dataset of decisions.

    python examples/policy_architecture_example.py

The same from a shell: nightdesk train --model-type policy_cloner --dataset data/offline_dataset.npz
--output models/rl_large --hidden-dim 256 --num-layers 3 --dropout 0.2 --epochs 50 --lr 0.0005
"""

from __future__ import annotations

from trainers import BehaviorCloningTrainer, TrainingConfig

config = TrainingConfig(
    dataset_path="data/offline_dataset.npz",
    output_dir="models/rl_large",
    hidden_dim=256,
    num_layers=3,
    dropout=0.2,
    max_epochs=50,
    lr=5e-4,
)
metrics = BehaviorCloningTrainer(config).train()
gap = metrics.train_action_acc - metrics.val_action_acc
print(f"{metrics.val_action_acc:.1%} of the newest decisions; {gap:+.1%} more of those it has learned from")
