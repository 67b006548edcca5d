#include "benchmarks/scaling_simulation.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <functional>
#include <queue>
#include <vector>

#include "scout/base/random.h"

namespace scout {
namespace {

class Simulation {
 public:
  Simulation(const ScalingCosts& costs, const Link& link, int ranks, double seconds, std::uint64_t seed)
      : costs_(costs),
        link_(link),
        actors_(static_cast<std::size_t>(ranks)),
        begin_(0.1 * seconds),
        end_(1.1 * seconds),
        random_(Seed(seed)) {}

  ScalingResult run() {
    for (int rank = 1; rank < static_cast<int>(actors_.size()); ++rank) at(0, [this, rank] { roll_out(rank); });
    at(0, [this] { turn(); });
    while (!events_.empty() && events_.top().time < end_) {
      now_ = events_.top().time;
      const auto action = events_.top().action;
      events_.pop();
      action();
    }
    const double seconds = end_ - begin_;
    for (std::size_t rank = 1; rank < actors_.size(); ++rank) {
      if (actors_[rank].waiting_since >= 0) waited(actors_[rank].waiting_since, end_);
    }
    ScalingResult& r = result_;
    const double messages = r.messages;
    for (double* sum : {&r.chunks, &r.rounds, &r.learning, &r.taking, &r.waiting, &r.bytes_out}) *sum /= seconds;
    r.waiting /= std::max<double>(static_cast<double>(actors_.size()) - 1, 1);
    r.staleness /= std::max(messages, 1.0);
    r.bytes_in = messages * costs_.experience_bytes / seconds;
    r.messages = 2 * messages / seconds;  // each is answered
    return r;
  }

 private:
  struct Event {
    double time;
    std::int64_t number;  // of equal times, the first first
    std::function<void()> action;
    bool operator<(const Event& other) const { return time > other.time || (time == other.time && number > other.number); }
  };
  struct Actor {
    double round = 0;  // of its parameters
    double sent_round = -1;
    int unanswered = 0;
    double waiting_since = -1;
  };
  struct Arrival {
    std::size_t from;
    double round;
  };

  void at(double time, std::function<void()> action) { events_.push({time, number_++, std::move(action)}); }
  bool counting() const { return now_ >= begin_; }
  double rollout_time() {
    const double s = costs_.rollout_deviation;
    return costs_.rollout * std::exp(s * random_.normal() - 0.5 * s * s);
  }
  void waited(double from, double to) { result_.waiting += std::max(0.0, to - std::max(from, begin_)); }

  // --- Actors
  void roll_out(int rank) {
    Actor& actor = actors_[static_cast<std::size_t>(rank)];
    const double round = actor.round;
    at(now_ + rollout_time() + costs_.write, [this, rank, round] {
      Actor& self = actors_[static_cast<std::size_t>(rank)];
      ++self.unanswered;
      into_ = std::max(into_, now_) + costs_.experience_bytes / link_.bandwidth;
      at(into_ + link_.latency, [this, rank, round] { inbox_.push_back({static_cast<std::size_t>(rank), round}); });
      if (self.unanswered < costs_.window) {
        roll_out(rank);
      } else {
        self.waiting_since = now_;
      }
    });
  }
  void answered(std::size_t rank, double round) {
    Actor& actor = actors_[rank];
    actor.round = std::max(actor.round, round);
    --actor.unanswered;
    if (actor.waiting_since < 0) return;
    waited(actor.waiting_since, now_);
    actor.waiting_since = -1;
    roll_out(static_cast<int>(rank));
  }

  // --- Learner: as Learner::run
  void turn() { take_in(static_cast<int>(actors_.size()) * costs_.window); }
  void take_in(int most) {
    if (most == 0 || inbox_.empty()) return work();
    const Arrival arrival = inbox_.front();
    inbox_.pop_front();
    const bool newer = actors_[arrival.from].sent_round < round_;
    const double duration = costs_.take + (newer ? costs_.answer : 0);
    at(now_ + duration, [this, arrival, newer, duration, most] {
      units_ += 1;
      if (counting()) {
        result_.taking += duration;
        result_.chunks += 1;
        result_.messages += 1;
        result_.staleness += round_ - arrival.round;
        result_.worst_staleness = std::max(result_.worst_staleness, round_ - arrival.round);
        if (newer) result_.bytes_out += costs_.weights_bytes;
      }
      actors_[arrival.from].sent_round = round_;
      out_ = std::max(out_, now_) + (newer ? costs_.weights_bytes : 0) / link_.bandwidth;
      at(out_ + link_.latency, [this, from = arrival.from, round = round_] { answered(from, round); });
      take_in(most - 1);
    });
  }
  void work() {
    if (units_ >= costs_.chunks) {
      at(now_ + costs_.round, [this] {
        units_ =
            std::clamp(units_ - costs_.chunks, 0, costs_.chunks + static_cast<int>(actors_.size()));  // as Trainer::learn
        round_ += 1;
        if (counting()) {
          result_.learning += costs_.round;
          result_.rounds += 1;
        }
        turn();
      });
    } else {
      at(now_ + rollout_time() + costs_.take_own, [this] {
        units_ += 1;
        if (counting()) result_.chunks += 1;
        turn();
      });
    }
  }

  ScalingCosts costs_;
  Link link_;
  std::vector<Actor> actors_;
  double begin_, end_;
  Random random_;
  std::priority_queue<Event> events_;
  std::int64_t number_ = 0;
  double now_ = 0;
  double into_ = 0, out_ = 0;  // when the link is free again
  std::deque<Arrival> inbox_;
  int units_ = 0;
  double round_ = 0;
  ScalingResult result_;  // sums, until the end
};

}  // namespace

ScalingResult simulate_scaling(const ScalingCosts& costs, const Link& link, int ranks, double seconds, std::uint64_t seed) {
  return Simulation(costs, link, ranks, seconds, seed).run();
}

double saturation_ranks(const ScalingCosts& costs) {
  const double learner = costs.take + costs.answer + costs.round / costs.chunks;  // for each chunk of the others
  return 1 + (costs.rollout + costs.write) / learner;
}

}  // namespace scout
