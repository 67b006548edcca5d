// The learner "ddpg": the policy's noisy episodes and an exploration ensemble feed replays that DDPG learns from.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "scout/train/ddpg/ddpg.h"
#include "scout/train/learner/learner.h"

namespace scout::learner {
namespace {

const Actor& actor_of(const TrainingContext& context) {
  if (const Actor* actor = context.rule.actor()) return *actor;
  throw_bad_option("learners", "\"ddpg\"",
                   "of learners that fit policy.rule: it has no actor whose gradient could be taken");
}

class DdpgLearner final : public Learner {
 public:
  explicit DdpgLearner(const TrainingContext& context)
      : context_(context),
        options_(context.options),
        ddpg_(actor_of(context), options_.ddpg, context.seed.derive("ddpg"), context.team),
        policy_replay_(static_cast<std::size_t>(options_.replay.capacity)),
        explorer_replay_(static_cast<std::size_t>(options_.replay.explorer_capacity)) {
    if (slice().size() == 0) {
      throw_bad_option("policy.by_coordinate", "false",
                       "true where the learner \"ddpg\" shares the policy with others: the network is what is left to it");
    }
    check_memory();
    batch_.outcomes_wanted = options_.ddpg.imitate == "outcome";
    explorer_kinds(options_.ensemble, context.episode.weights ? Explored::weights : Explored::coordinates);
    ddpg_.start_from(of_actor());
    ddpg_.own(slice().begin, slice().end);
  }

  Slice slice() const override {
    const std::string& name = options_.ddpg.slice;
    return slice_of(context_.rule, !name.empty() ? name : learns_alone() ? "all" : "body");
  }

  std::vector<Rollout> ask(const Window& window, const ObserveExplorers& observe) override {
    const auto acting = context_.rule.with(context_.parameters.acting);
    const bool search = options_.ensemble.first > window.round;
    std::vector<Task> episodes = context_.tasks.episodes(window);
    if (search && exploring()) episodes.clear();
    std::vector<RunRequest> runs;
    for (const Task& task : episodes) runs.push_back(noisy_episode(task, acting, window.round));
    std::vector<Rollout> out = dealt(std::move(runs), context_.team.size());
    if (!exploring() || (options_.ensemble.first > 0 && !search)) return out;
    for (const Task& task : context_.tasks.ensembles(window)) {
      Random random(task.seed.derive("rollout"));
      add_ensemble(out,
                   {.instance = task.instance,
                    .stepper = acting,
                    .episode = context_.episode,
                    .plan = context_.tasks.plan(window.round, random),
                    .recorded = static_cast<std::size_t>(options_.rollout.weights),
                    .seed = task.seed,
                    .share = task.share},
                   options_.ensemble, task.name, observe);
    }
    return out;
  }

  Findings digest(std::vector<Rollout> done) override {
    Findings out;
    for (Rollout& rollout : done) out.add(rollout, out.policy);
    return out;
  }

  void take(Findings& own, std::span<Findings> all) override {
    const auto add = [](std::vector<Trajectory>& from, Replay& to) {
      for (Trajectory& trajectory : from) to.add(std::move(trajectory));
      from.clear();
    };
    add(own.policy, policy_replay_);
    for (Findings& findings : all) add(findings.policy, policy_replay_);
    add(own.explorers, explorer_replay_);
    taken_.add_totals(own);
  }

  void learn(std::int64_t round, RoundReport& report) override {
    double critic_loss = 0;
    double mean_q = 0;
    if (policy_replay_.size() >= static_cast<std::size_t>(options_.replay.warm_up)) {
      ddpg_.adopt(of_actor());
      const int fade = options_.replay.fade;
      const double left = fade > 0 ? std::max(0.0, 1 - static_cast<double>(round) / fade) : 1;
      ddpg_.weigh_imitation(options_.ddpg.imitation * left);
      Random random(context_.seed.derive("updates").derive(static_cast<std::uint64_t>(round)));
      for (int k = 0; k < options_.updates; ++k) {
        draw_batch(random);
        const DdpgReport one = ddpg_.update(batch_, random);
        critic_loss += one.critic_loss / options_.updates;
        mean_q += one.mean_q / options_.updates;
      }
      std::ranges::copy(slice().of(ddpg_.actor_parameters()), slice().of(context_.parameters.acting).begin());
      std::ranges::copy(slice().of(ddpg_.averaged_parameters()), slice().of(context_.parameters.kept).begin());
    }
    const double mean_return = taken_.return_sum / static_cast<double>(std::max<std::int64_t>(taken_.episodes, 1));
    report.metrics.insert(report.metrics.end(), {{"updates", static_cast<double>(ddpg_.updates())},
                                                 {"mean_return", mean_return},
                                                 {"critic_loss", critic_loss},
                                                 {"mean_q", mean_q}});
    report.ensembles = taken_.summary;
    report.ensembles.best_gap_share /= std::max(taken_.ensembles, 1);
    taken_ = {};
  }

  void save(ArchiveWriter& archive) const override { archive(ddpg_, policy_replay_, explorer_replay_); }
  void restore(ArchiveReader& archive) override {
    archive(ddpg_, policy_replay_, explorer_replay_);
    for (const Replay* replay : {&policy_replay_, &explorer_replay_}) {
      replay->check(ddpg_.actor().features(), ddpg_.actor().actions());
    }
  }

 private:
  std::span<const float> of_actor() const {
    return std::span<const float>(context_.parameters.acting).first(ddpg_.actor().parameter_count());
  }
  bool learns_alone() const { return options_.learners.size() == 1; }
  bool exploring() const { return options_.replay.explorer_share > 0 && options_.ensemble.instances > 0; }

  RunRequest noisy_episode(const Task& task, const std::shared_ptr<const Stepper>& acting, std::int64_t round) const {
    const RolloutOptions& rollout = options_.rollout;
    Random random(task.seed.derive("rollout"));
    RunRequest run{.instance = task.instance, .stepper = acting};
    run.plan = context_.tasks.plan(round, random);
    run.start = sample_start(*task.instance, random);
    run.recording = context_.tasks.recording(*task.instance, random);
    const double deviation = random.log_uniform(rollout.noise, std::max(rollout.noise, rollout.noise_high));
    const NoiseOptions noise{.deviation = deviation, .memory = rollout.noise_memory, .weight_noise = rollout.weight_noise};
    run.mover = context_.episode.weights ? tensor_noise(noise, task.instance->tensors(), Random(task.seed.derive("noise")))
                                         : action_noise(noise, random);
    return run;
  }

  void draw_batch(Random& random) {
    const DdpgOptions& ddpg = options_.ddpg;
    const bool explored = explorer_replay_.size() > 0;
    const int explorers = explored ? static_cast<int>(std::lround(ddpg.batch * options_.replay.explorer_share)) : 0;
    const int all = context_.episode.weights ? options_.rollout.weights : std::ranges::max(options_.dimensions);
    const auto discount = static_cast<float>(ddpg.discount);
    batch_.clear(ddpg.batch * (ddpg.rows > 0 ? ddpg.rows : all), ddpg_.actor().features(), ddpg_.actor().actions());
    if (ddpg.batch > explorers) {
      policy_replay_.sample(ddpg.batch - explorers, ddpg.n_step, discount, ddpg.rows, random, batch_);
    }
    if (explorers > 0) explorer_replay_.sample(explorers, ddpg.n_step, discount, ddpg.rows, random, batch_);
    if (ddpg.imitate == "explorers") {
      batch_.demonstrated.assign(static_cast<std::size_t>(ddpg.batch), 0);
      std::fill_n(batch_.demonstrated.rbegin(), explorers, 1);
    }
  }

  /// Refuses a training whose replay of the policy, of states [M, F], this machine cannot hold.
  void check_memory() const {
    if (context_.episode.weights) return;  // samples coordinates
    const double present = static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
    // Of another learner's candidates, which may be so many, a run each is recorded.
    const double runs = options_.rollout.episodes + (learns_alone() ? 0 : options_.evolution.population);
    const double steps = std::min<double>(options_.replay.capacity, runs * options_.rollout.horizon * options_.rounds);
    for (std::size_t p = 0; p < context_.tasks.problems(); ++p) {
      const Family& problem = context_.tasks.family_of(p);
      for (int dimension : options_.dimensions) {
        if (problem.has_own_dimensions()) dimension = problem.sample(Split::validation, 0, dimension)->dimension();
        const double rows = ddpg_.actor().actions() > 1 ? 1 : dimension;
        const double needed = steps * rows * ddpg_.actor().features() * sizeof(float);
        if (needed <= present) continue;
        throw std::invalid_argument(fmt::format(
            "the replay of {:.0f} steps on '{}', of {} coordinates, would take {:.0f} GB, and this machine has {:.0f}: "
            "lower replay.capacity or dimensions; networks are for policy.rule = \"weight\", which samples coordinates",
            steps, problem.name(), dimension, needed / 1e9, present / 1e9));
      }
    }
  }

  TrainingContext context_;
  const TrainOptions& options_;
  Ddpg ddpg_;
  Replay policy_replay_, explorer_replay_;
  Batch batch_;
  Findings taken_;  // since the last round: the totals
};

}  // namespace

extern const LearnerEntry ddpg{
    "ddpg",
    "deep deterministic policy gradient (Lillicrap et al. 2015), fed by an exploration ensemble",
    {"updates", "ddpg.", "replay.", "ensemble.", "rollout.noise", "rollout.noise_high", "reward."},
    true,
    make_learner<DdpgLearner>};

}  // namespace scout::learner
