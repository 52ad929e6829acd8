"""Train a reinforcement learning agent to trade, keep it, and let it trade a year that it never saw.

    python examples/rl_agents_example.py

Market data comes from the home (`NIGHTDESK_HOME`, or the working directory); with nothing stored there it is pulled.
It takes some minutes. Ctrl-C ends it; the newest weights are in ./checkpoints/.
"""

from __future__ import annotations

from data_pipeline.features.registry import settled
from trainers import (
    CallbackList,
    CheckpointCallback,
    DataLoader,
    EarlyStoppingRLCallback,
    RLTrainingConfig,
    SACConfig,
    TradingEnvConfig,
    TradingEnvironment,
    TradingMetricsCallback,
    create_rl_agent,
    train_rl_agent,
)
from trainers.rl.environments.market import Market

env_config = TradingEnvConfig(
    initial_balance=100_000,
    window_size=20,
    commission=0.001,
)

# 0. The last year is kept from training; the days before it are only looked back on, so that indicators are warm
history = DataLoader().load("AAPL")
lead = settled((*env_config.windowed, *env_config.features)) + env_config.window_size
prices_df, unseen_df = history.iloc[:-252], history.iloc[-252 - lead :]
print(f"{len(prices_df)} days of AAPL, source: {history.attrs['provenance']}")

# 1. Create the trading environment
env = TradingEnvironment(price_data=prices_df, config=env_config)

# 2. Create an RL agent
agent_config = SACConfig(hidden_dim=256, learning_rate=3e-4)
agent = create_rl_agent(
    agent_type="sac",
    state_dim=env.observation_space_dim,
    action_dim=env.action_space_dim,
    config=agent_config,
)

# 3. Set up training callbacks
callbacks = CallbackList(
    [
        CheckpointCallback(save_freq=1000, save_path="./checkpoints/"),
        EarlyStoppingRLCallback(patience=50, min_delta=0.01),
        TradingMetricsCallback(log_freq=10),
    ]
)

# 4. Train
training_config = RLTrainingConfig(
    total_episodes=5000,
    eval_frequency=100,
    batch_size=64,
)
metrics = train_rl_agent(
    agent=agent,
    env=env,
    config=training_config,
    callbacks=callbacks,
)
print(f"{metrics['episodes']} episodes, {metrics['steps_per_second']:,.0f} steps/s, ended by {metrics['stopped_by']}")

# 5. Save the trained model
agent.save("./models/sac_trading_agent.pt")

# 6. Load later for inference or backtesting
year = Market.of(unseen_df, TradingEnvConfig(episode_length=None, random_start=False)).decided_from(lead - 1)
unseen = TradingEnvironment(year)
observation, _ = unseen.reset()
agent.load("./models/sac_trading_agent.pt")
action = agent.select_action(observation, deterministic=True)
print(f"On the first day that it never saw it would hold {action[0]:+.2f}")

# 7. Let it trade all of them
ended = False
while not ended:
    observation, _, terminated, truncated, info = unseen.step(agent.select_action(observation))
    ended = terminated or truncated
print(f"Over {info['episode']['l']} days it earned {info['episode']['total_return']:+.2f} %, net of costs")
