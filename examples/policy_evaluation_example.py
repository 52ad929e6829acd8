"""Compare a policy with the decisions of a dataset that it has not learned from.

python examples/policy_evaluation_example.py
"""

from __future__ import annotations

from sklearn.metrics import accuracy_score, classification_report

from data_pipeline.offline.dataset import ACTION_NAMES, OfflineDataset
from trainers import load_rl_policy

policy = load_rl_policy("models/rl_bc/policy_best.pt")
test = OfflineDataset.load("data/offline_dataset_test.npz")

predicted = [policy.predict(state)[0].value for state in test.states]
accuracy = accuracy_score(test.actions, predicted)
print(f"Test accuracy: {accuracy:.3f}; always the most frequent action: {test.counts.max() / len(test):.3f}")
print(classification_report(test.actions, predicted, labels=[0, 1, 2], target_names=ACTION_NAMES, zero_division=0))
