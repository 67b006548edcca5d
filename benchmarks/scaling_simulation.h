// What a training on many ranks would do, from the costs of its parts: a discrete-event simulation of run_learner and
// run_actor (scout/train/ranks/distributed.h), on machines that are not there.
#pragma once

#include <cstdint>

namespace scout {

/// Seconds of one core, and bytes.
struct ScalingCosts {
  double rollout = 0;            ///< one chunk of rollouts
  double rollout_deviation = 0;  ///< standard deviation of its logarithm
  double write = 0;              ///< an experience made a message, at the rank that rolled out
  double take = 0;               ///< a message read and put into the replay, at the learner
  double take_own = 0;           ///< the learner's own experience put into the replay
  double answer = 0;             ///< an answer with parameters
  double round = 0;              ///< the learner's part of a round, its validations and checkpoints shared out evenly
  double experience_bytes = 0;
  double weights_bytes = 0;
  int chunks = 8;  ///< that make a round
  int window = 4;  ///< distributed.window
};

struct Link {
  double bandwidth = 1.25e9;  ///< bytes a second, into the learner's machine and out of it each
  double latency = 50e-6;     ///< seconds
};

struct ScalingResult {
  double chunks = 0;     ///< taken in a second, over all ranks
  double rounds = 0;     ///< a second
  double learning = 0;   ///< share of the learner's time: rounds
  double taking = 0;     ///< share of the learner's time: messages
  double waiting = 0;    ///< share of the other ranks' time in which they wait for answers
  double staleness = 0;  ///< rounds that the learner is ahead when it takes an experience in, mean
  double worst_staleness = 0;
  double bytes_in = 0;  ///< a second, into the learner
  double bytes_out = 0;
  double messages = 0;  ///< a second, in and out
};

/// Simulates so many seconds, after a tenth of that to get going.
ScalingResult simulate_scaling(const ScalingCosts& costs, const Link& link, int ranks, double seconds, std::uint64_t seed);

/// The greatest number of ranks whose experience the learner keeps up with: it is then busy with messages and rounds alone.
double saturation_ranks(const ScalingCosts& costs);

}  // namespace scout
