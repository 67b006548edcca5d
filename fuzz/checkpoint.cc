// Checkpoints of trainings: raw files, and content behind which the checksum is right.
#include "scout/train/checkpoint.h"

#include <cstring>

#include "fuzz/target.h"
#include "scout/train/trainer.h"

namespace scout::fuzz {
namespace {

constexpr std::size_t kHead = 12, kTail = 12;  // of the file, around its content

/// Trainings of every learner, small enough to be restored thousands of times a second.
TrainOptions options_of(std::size_t which) {
  TrainOptions options;
  nlohmann::json values{
      {"problems", {"rastrigin"}}, {"dimensions", {2}},    {"rounds", 1000},           {"threads", 1},
      {"rollout.episodes", 1},     {"rollout.horizon", 3}, {"validation.every", 1000}, {"validation.instances", 1}};
  const nlohmann::json actor{{"policy.hidden", {2}}};
  const nlohmann::json ddpg{
      {"ddpg.critic_hidden", {2, 2}}, {"ddpg.batch", 2}, {"replay.capacity", 9},    {"replay.warm_up", 1},
      {"replay.explorer_share", 0.5}, {"updates", 1},    {"ensemble.instances", 1}, {"ensemble.explorers", 1},
      {"replay.explorer_capacity", 9}};
  switch (which) {
    case 0:
      values["learners"] = {"evolution"};
      values.update({{"evolution.population", 4}, {"evolution.instances", 1}});
      break;
    case 1:
      values["learners"] = {"ddpg"};
      values.update(ddpg);
      break;
    case 2:
      values["learners"] = {"es"};
      values["es.pairs"] = 1;
      break;
    case 3:
      values["learners"] = {"pes"};
      values.update({{"pes.pairs", 2}, {"pes.truncation", 1}});
      break;
    case 4:
      values.update({{"learners", {"tbptt"}},
                     {"problems", {"quadratic"}},
                     {"policy.rule", "lstm"},
                     {"policy.layers", {2}},
                     {"tbptt.length", 2}});
      break;
    case 5:
      values.update({{"learners", {"ppo"}},
                     {"policy.rule", "transformer"},
                     {"policy.width", 2},
                     {"policy.heads", 1},
                     {"policy.layers", {2}},
                     {"policy.context", 4},
                     {"ppo.hidden", {2}}});
      break;
    case 6:
      values.update({{"learners", {"guided"}},
                     {"policy.rule", "history"},
                     {"policy.history", 2},
                     {"guided.conditions", 1},
                     {"guided.samples", 3},
                     {"guided.clusters", 1},
                     {"guided.updates", 2}});
      break;
    default:
      values["learners"] = {"decisions"};
      values.update({{"policy.decisions", 2},
                     {"policy.by_coordinate", false},
                     {"policy.decision_hidden", {2}},
                     {"decisions.episodes", 1},
                     {"decisions.warm_up", 1},
                     {"decisions.capacity", 9},
                     {"decisions.ensemble.instances", 1},
                     {"decisions.ensemble.explorers", 1},
                     {"decisions.exploration", which == 7   ? "bootstrapped"
                                               : which == 8 ? "soft"
                                                            : "exemplars"},
                     {"decisions.ddpg.batch", 2},
                     {"decisions.ddpg.critic_first", 1},
                     {"decisions.ddpg.critic_hidden", {2, 2}}});
  }
  if (which < 4) values.update(actor);
  set_training_options(options, values);
  return options;
}
constexpr std::size_t kTrainings = 10;

std::string saved(const Trainer& trainer) {
  const std::string path = folder() / "saved";
  trainer.save(path);
  return read_file(path);
}

struct Training {
  std::unique_ptr<Trainer> trainer;
  std::string file;  ///< its checkpoint after two rounds
};
Training& training(std::size_t which) {
  static std::array<Training, kTrainings> all;
  Training& out = all.at(which);
  if (out.trainer == nullptr) {
    out.trainer = std::make_unique<Trainer>(options_of(which), 1);
    out.trainer->round();
    out.trainer->round();
    out.file = saved(*out.trainer);
  }
  return out;
}

/// What a training begins with, in its checkpoint: options, seed, threads, ranks. The rest is the state.
std::size_t length_of_beginning(const std::string& file) {
  std::uint64_t options = 0;
  std::memcpy(&options, &file[kHead], sizeof options);
  return kHead + 8 + options + 8 + 4 + 4;
}

}  // namespace

// The first byte: which training, and whether a raw file or the state of one follows.
std::vector<std::string> seeds() {
  std::vector<std::string> out;
  for (std::size_t which = 0; which < kTrainings; ++which) {
    const std::string file = training(which).file;
    const std::size_t begin = length_of_beginning(file);
    out.push_back(static_cast<char>(which) + file.substr(begin, file.size() - kTail - begin));
  }
  out.push_back(static_cast<char>(kTrainings) + training(0).file);
  return out;
}

void run(Input input) {
  Pieces pieces(input);
  const std::size_t kind = pieces.below(2 * kTrainings);
  Training& base = training(kind % kTrainings);
  const std::string path = folder() / "checkpoint";
  const std::string state(text(pieces.rest()));
  if (kind >= kTrainings) {
    write_file(path, state);
  } else {
    CheckpointWriter file(path);
    const std::size_t begin = length_of_beginning(base.file);
    file.content().raw(&base.file[kHead], begin - kHead);
    file.content().raw(state.data(), state.size());
    file.finish();
  }
  const bool taken = takes([&] { base.trainer->restore(path); });
  if (taken) {
    expect(saved(*base.trainer) == read_file(path), "restored and saved it is another checkpoint");
    if (state.size() % 8 == 0) takes([&] { base.trainer->round(); });
  }
  // Whatever was read of it, the trainer can be restored.
  write_file(path, base.file);
  base.trainer->restore(path);
  expect(saved(*base.trainer) == base.file, "a good checkpoint is not restored after another one");
}

}  // namespace scout::fuzz
