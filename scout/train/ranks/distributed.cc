#include "scout/train/ranks/distributed.h"

#include <unistd.h>

#include <array>

#include "scout/base/json_lines.h"

namespace scout {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kProtocol = 1;
constexpr auto kLook = 100ms;    // between looks at signals and silence while waiting
constexpr auto kLastWord = 60s;  // for the learner to end the job after a rank has failed

/// hello: protocol, name of the machine, what must be the same on all ranks. experience: an Experience. failure: a
/// text. answer: the number of new parameters, 0 or 1, and these. begin: the first number of rollouts; then like answer.
/// stop: nothing.
enum class Kind : std::uint8_t { hello, experience, failure, begin, answer, stop };

std::string machine() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

/// What must be the same on all ranks: rollouts are made from it.
std::string agreement(const Trainer& trainer) {
  nlohmann::json options = training_options_json(trainer.options());
  // What each rank may have its own way.
  for (const char* key : {"rounds", "checkpoint_every", "threads"}) options.erase(key);
  return json_text({{"version", SCOUT_VERSION}, {"seed", trainer.seed()}, {"options", options}});
}

Bytes message_of(const auto&... parts) {
  ArchiveWriter bytes;
  bytes(parts...);
  return bytes.take();
}

class Leader {
 public:
  Leader(Trainer& trainer, Transport& transport, const LearnerHooks& hooks)
      : trainer_(trainer), transport_(transport), hooks_(hooks), ranks_(static_cast<std::size_t>(transport.ranks())) {}

  void run() {
    std::int64_t sequence = first_ = trainer_.next_sequence();
    while (!trainer_.finished() && !hooks_.interrupted()) {
      take_in();
      look_for_silence();
      if (trainer_.due()) {
        const RoundReport report = trainer_.learn();
        weights_ = trainer_.weights();
        hooks_.on_round(report, traffic_);
        traffic_ = {};
      } else {
        if (hooks_.before_rollout) hooks_.before_rollout();
        trainer_.take(trainer_.collect(sequence));
        sequence += trainer_.rank_chunk();
      }
    }
    for (int rank = 1; rank < transport_.ranks(); ++rank) transport_.send(rank, message_of(Kind::stop));
  }

 private:
  struct Rank {
    bool begun = false;
    std::int64_t round = -1;  // of the parameters that it was last sent
    std::string machine = "unknown machine";
  };

  std::string name(int rank) const {
    return "rank " + std::to_string(rank) + " (" + ranks_[static_cast<std::size_t>(rank)].machine + ")";
  }

  /// Everything that has arrived, but no more than there may be on the way: those who answer quickly must not keep the
  /// learner from learning.
  void take_in() {
    const int most = transport_.ranks() * trainer_.options().distributed.window;
    for (int k = 0; k < most; ++k) {
      const auto message = transport_.receive();
      if (!message) return;
      handle(*message);
    }
  }

  void handle(const Message& message) {
    Rank& rank = ranks_.at(static_cast<std::size_t>(message.from));
    ++traffic_.messages;
    traffic_.bytes_received += static_cast<std::int64_t>(message.bytes.size());
    std::string failure;
    try {
      ArchiveReader bytes(message.bytes);
      Kind kind{};
      bytes(kind);
      if (kind == Kind::hello) {
        greet(bytes, rank);
      } else if (kind == Kind::experience && rank.begun) {
        Experience experience;
        bytes(experience);
        bytes.finish();
        trainer_.take(std::move(experience));
      } else if (kind == Kind::failure) {
        bytes(failure);
      } else {
        throw std::runtime_error("unexpected message of kind " + std::to_string(static_cast<int>(kind)));
      }
    } catch (const std::runtime_error& error) {
      failure = error.what();
    }
    if (!failure.empty()) throw RankFailure(name(message.from) + " failed: " + failure);
    answer(message.from, rank);
  }

  void greet(ArchiveReader& bytes, Rank& rank) const {
    std::uint32_t protocol = 0;
    std::string own;
    bytes(protocol, rank.machine, own);
    if (protocol != kProtocol || own != agreement(trainer_)) {
      throw std::runtime_error("it runs another version, seed or options: give all ranks the same program and command line");
    }
  }

  void answer(int to, Rank& rank) {
    if (weights_.empty()) weights_ = trainer_.weights();
    const bool newer = rank.round < trainer_.rounds_done();
    Bytes content = rank.begun ? message_of(Kind::answer, newer) : message_of(Kind::begin, first_, newer);
    if (newer) content.insert(content.end(), weights_.begin(), weights_.end());
    rank.begun = true;
    rank.round = trainer_.rounds_done();
    traffic_.bytes_sent += static_cast<std::int64_t>(content.size());
    transport_.send(to, std::move(content));
  }

  void look_for_silence() const {
    for (int rank = 1; rank < transport_.ranks(); ++rank) {
      const double seconds = transport_.silence(rank);
      if (seconds > trainer_.options().distributed.timeout) throw RankFailure(silent(name(rank), seconds));
    }
  }

  Trainer& trainer_;
  Transport& transport_;
  const LearnerHooks& hooks_;
  std::vector<Rank> ranks_;
  std::int64_t first_ = 0;
  Bytes weights_;  // of the last round
  Traffic traffic_;
};

/// Returns when the learner says stop.
void act(Trainer& trainer, Transport& transport, const std::function<bool()>& interrupted) {
  transport.send(0, message_of(Kind::hello, kProtocol, machine(), agreement(trainer)));
  std::int64_t sequence = -1;
  int unanswered = 1;
  for (;;) {
    while (auto message = transport.receive()) {
      ArchiveReader bytes(message->bytes);
      Kind kind{};
      bytes(kind);
      if (kind == Kind::stop) return;
      if (kind == Kind::begin) bytes(sequence);
      bool newer = false;
      bytes(newer);
      if (newer) trainer.adopt(std::span(message->bytes).last(bytes.left()));
      --unanswered;
    }
    if (sequence < 0 || unanswered >= trainer.options().distributed.window || interrupted()) {
      const double seconds = transport.silence(0);
      if (seconds > trainer.options().distributed.timeout) throw RankFailure(silent("the learner, rank 0,", seconds));
      transport.wait(kLook);
      continue;
    }
    transport.send(0, message_of(Kind::experience, trainer.collect(sequence)));
    ++unanswered;
    sequence += trainer.rank_chunk();
  }
}

}  // namespace

void run_learner(Trainer& trainer, Transport& transport, const LearnerHooks& hooks) {
  Leader(trainer, transport, hooks).run();
}

void run_actor(Trainer& trainer, Transport& transport, const std::function<bool()>& interrupted) {
  try {
    act(trainer, transport, interrupted);
  } catch (const RankFailure&) {
    throw;
  } catch (const std::exception& error) {
    transport.send(0, message_of(Kind::failure, std::string(error.what())));
    const auto end = std::chrono::steady_clock::now() + kLastWord;
    while (std::chrono::steady_clock::now() < end) {  // the learner saves, reports, and ends the job
      transport.receive();
      transport.wait(kLook);
    }
    throw;
  }
}

}  // namespace scout
