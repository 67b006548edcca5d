// One training on several ranks: rank 0 learns, every rank rolls out, nobody waits for another's rollout.
//
// A rank rolls out with the newest parameters that it has, sends what came of it, and goes on. The learner answers each
// message with its parameters, if they are newer than those the rank has. A rank whose last `distributed.window` messages
// have not been answered waits, which bounds both what piles up at the learner and the age of the parameters. Whenever the
// learner has a round's worth of experience, from whichever ranks, it does its part of a round; else it rolls out itself.
#pragma once

#include <stdexcept>

#include "scout/train/ranks/transport.h"
#include "scout/train/trainer.h"

namespace scout {

/// A rank has failed or fallen silent, or its messages make no sense. The text says which rank, and why.
struct RankFailure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// What the learner's ranks have sent, for the log.
struct Traffic {
  std::int64_t messages = 0;  ///< received
  std::int64_t bytes_received = 0;
  std::int64_t bytes_sent = 0;
};

struct LearnerHooks {
  std::function<void()> before_rollout;                              ///< of this rank; may be empty
  std::function<void(const RoundReport&, const Traffic&)> on_round;  ///< after each round
  std::function<bool()> interrupted;                                 ///< looked at between rollouts and rounds
};

/// Rank 0: rounds until the training is finished or interrupted; then tells the others to stop. Throws RankFailure, or what
/// `on_round` throws; the trainer is between two rounds then and can be saved, after which transport.abort is due.
void run_learner(Trainer& trainer, Transport& transport, const LearnerHooks& hooks);

/// Every other rank: rolls out until the learner says stop. Throws RankFailure if the learner is silent or refuses this
/// rank; any other exception is reported to the learner first. When `interrupted` says so, rolls out no more and waits for
/// the word.
void run_actor(Trainer& trainer, Transport& transport, const std::function<bool()>& interrupted);

}  // namespace scout
