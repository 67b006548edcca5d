// What a training run consists of between two rounds, saved and restored.
#include <stdexcept>

#include "scout/train/checkpoint.h"
#include "scout/train/trainer.h"

namespace scout {
namespace {

void write(CheckpointWriter& file, const Replay& replay) {
  file(static_cast<std::uint64_t>(replay.trajectories().size()));
  for (const Trajectory& t : replay.trajectories()) visit_trajectory(file, t);
}

void read(CheckpointReader& file, Replay& replay) {
  std::uint64_t count = 0;
  file(count);
  replay.clear();
  for (std::uint64_t k = 0; k < count; ++k) {
    Trajectory t;
    visit_trajectory(file, t);
    replay.add(std::move(t));
  }
}

void require_same(const std::string& path, const std::string& what, const std::string& saved, const std::string& own) {
  if (saved == own) return;
  throw std::invalid_argument("checkpoint '" + path + "' was made with " + what + " = " + saved + ", not " + own +
                              ": continue with the same, or start a new run");
}

void require_same_options(const std::string& path, const nlohmann::json& saved, const nlohmann::json& own) {
  for (const auto& [key, value] : own.items()) {
    // The first two and the last change no round; the number of threads is compared as it is, not as it was asked for.
    if (key == "rounds" || key == "checkpoint_every" || key == "threads" || key.starts_with("distributed.")) continue;
    require_same(path, "option '" + key + "'", saved.contains(key) ? saved[key].dump() : "(none)", value.dump());
  }
  for (const auto& [key, value] : saved.items()) {
    if (!own.contains(key)) require_same(path, "option '" + key + "'", value.dump(), "(none)");
  }
}

}  // namespace

template <class Visitor>
void Trainer::state(Visitor& visit) {
  visit(round_);
  visit(generation_);
  visit(next_sequence_);
  visit(evaluations_);
  visit(best_round_);
  visit(best_score_);
  visit(best_parameters_);
  ddpg_.state(visit);
  evolution_.state(visit);
}

void Trainer::save(const std::string& path) const {
  CheckpointWriter file(path);
  file(to_json(options_).dump());
  file(seed_);
  file(threads());
  file(place_.ranks);
  const_cast<Trainer*>(this)->state(file);
  write(file, policy_replay_);
  write(file, explorer_replay_);
  file.finish();
}

void Trainer::restore(const std::string& path) {
  CheckpointReader file(path);
  std::string options;
  std::uint64_t seed = 0;
  int threads = 0;
  int ranks = 1;
  file(options);
  file(seed);
  file(threads);
  file(ranks);
  require_same(path, "seed", std::to_string(seed), std::to_string(seed_));
  // A training on several ranks depends on timing anyway: it goes on with any number of them, and of threads.
  if (ranks == 1 && place_.ranks == 1) require_same(path, "threads", std::to_string(threads), std::to_string(team_.size()));
  require_same_options(path, nlohmann::json::parse(options), to_json(options_));
  state(file);
  read(file, policy_replay_);
  read(file, explorer_replay_);
  file.finish();
}

}  // namespace scout
