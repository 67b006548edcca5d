// The learner "decisions": DDPG on what is decided for whole runs, a few times in each (policy/rule/decision_head.h). The
// policy's episodes, which explore in one of several ways (exploration.h), and exploration ensembles, whose explorers each
// hold one number of the decision, feed it.
#include <algorithm>
#include <cmath>

#include "scout/base/names.h"
#include "scout/train/decisions/exploration.h"
#include "scout/train/learner/decision_rows.h"

namespace scout::learner {
namespace {

const DecisionHead& head_of(const TrainingContext& context) {
  if (const DecisionHead* head = context.rule.decisions()) return *head;
  std::vector<std::string> deciding;
  for (const RuleEntry& rule : rule_table()) {
    if (std::ranges::find(rule.options, "decisions") != rule.options.end()) deciding.emplace_back(rule.name);
  }
  const std::string& rule = context.options.policy.rule;
  const bool decides = std::ranges::find(deciding, rule) != deciding.end();
  throw_bad_option("learners", "\"decisions\"",
                   decides ? "of learners that fit policy.rule: it decides nothing; set policy.decisions to how often a run "
                             "is decided"
                           : "of learners that fit policy.rule: \"" + rule +
                                 "\" has no decisions, and these rules have them: " + join_names(deciding));
}

class Decisions final : public Learner {
 public:
  explicit Decisions(const TrainingContext& context)
      : context_(context),
        options_(own_options<DecisionsOptions>(context)),
        head_(head_of(context)),
        ddpg_(head_.actor(), options_.ddpg, context.seed.derive("decisions"), context.team),
        policy_replay_(static_cast<std::size_t>(options_.capacity)),
        explorer_replay_(static_cast<std::size_t>(options_.capacity)) {
    explorer_kinds(options_.ensemble, Explored::decisions);
    const EnsembleOptions& ensemble = options_.ensemble;
    if (ensemble.instances * ensemble.explorers > options_.episodes) {
      throw_bad_option("decisions.episodes", std::to_string(options_.episodes),
                       "at least decisions.ensemble.instances times decisions.ensemble.explorers, which it contains");
    }
    batch_.outcomes_wanted = options_.ddpg.imitate == "outcome";
    ddpg_.start_from(own(context_.parameters.acting).subspan(2 * inputs()));
    exploration_ = make_exploration({.options = options_,
                                     .head = head_,
                                     .seed = context.seed.derive("decisions").derive("exploration"),
                                     .team = context.team,
                                     .ddpg = ddpg_});
  }

  Slice slice() const override { return {head_.offset(), head_.offset() + head_.parameter_count()}; }

  std::vector<Rollout> ask(const Window& window, const ObserveExplorers& observe) override {
    const auto acting = context_.rule.with(context_.parameters.acting);
    const double explored = explorer_share(window.round);
    std::vector<Task> episodes = context_.tasks.draw(window, "decision episode", options_.episodes);
    keep(episodes, 1 - explored);
    std::vector<RunRequest> runs;
    for (const Task& task : episodes) runs.push_back(episode_of(task, acting, window.round));
    std::vector<Rollout> out = dealt(std::move(runs), context_.team.size());
    std::vector<Task> ensembles = context_.tasks.draw(window, "decision ensemble", options_.ensemble.instances);
    keep(ensembles, left(window.round));
    for (const Task& task : ensembles) {
      Random random(task.seed.derive("rollout"));
      add_ensemble(out,
                   {.instance = task.instance,
                    .stepper = acting,
                    .episode = context_.episode,
                    .plan = context_.tasks.plan(window.round, random),
                    .seed = task.seed,
                    .decisions = options_.reward,
                    .decision_size = static_cast<std::size_t>(head_.size())},
                   options_.ensemble, task.name, observe);
    }
    return out;
  }

  Findings digest(std::vector<Rollout> done) override {
    Findings out;
    for (Rollout& rollout : done) out.add(rollout, out.decisions);
    return out;
  }

  void take(Findings& own, std::span<Findings>) override {
    const std::span<const float> parameters = this->own(context_.parameters.acting);
    exploration_->reward(parameters, own.decisions);
    exploration_->reward(parameters, own.explorers);
    const auto add = [this](std::vector<Trajectory>& from, Replay& to) {
      for (Trajectory& trajectory : from) {
        debt_ += options_.updates * trajectory.steps();
        to.add(std::move(trajectory));
      }
    };
    add(own.decisions, policy_replay_);
    add(own.explorers, explorer_replay_);
    taken_.add_totals(own);
  }

  void learn(std::int64_t round, RoundReport& report) override {
    double critic_loss = 0;
    double mean_q = 0;
    int updates = 0;
    if (policy_replay_.size() >= static_cast<std::size_t>(options_.warm_up)) {
      Random random(context_.seed.derive("decision updates").derive(static_cast<std::uint64_t>(round)));
      fit_normaliser(random);
      const double halving = options_.rate_halving;
      exploration_->schedule(options_.ddpg.imitation * left(round),
                             halving > 0 ? std::exp2(-static_cast<double>(round) / halving) : 1);
      for (; debt_ >= 1; --debt_, ++updates) {
        draw_batch(round, random);
        const DdpgReport one = exploration_->update(batch_, random);
        critic_loss += one.critic_loss;
        mean_q += one.mean_q;
      }
      exploration_->end_round();
      std::ranges::copy(exploration_->acting(), own(context_.parameters.acting).subspan(2 * inputs()).begin());
      std::ranges::copy(exploration_->kept(), own(context_.parameters.kept).subspan(2 * inputs()).begin());
    }
    const double episodes = static_cast<double>(std::max<std::int64_t>(taken_.episodes, 1));
    const double count = std::max(updates, 1);
    report.metrics.insert(report.metrics.end(), {{"decision_updates", static_cast<double>(exploration_->updates())},
                                                 {"decision_return", taken_.return_sum / episodes},
                                                 {"decision_critic_loss", critic_loss / count},
                                                 {"decision_mean_q", mean_q / count}});
    exploration_->report(report.metrics);
    report.ensembles.add(taken_.summary);
    if (taken_.ensembles > 0) report.ensembles.best_gap_share /= taken_.ensembles;
    taken_ = {};
  }

  void save(ArchiveWriter& archive) const override {
    archive(ddpg_, policy_replay_, explorer_replay_, debt_);
    exploration_->save(archive);
  }
  void restore(ArchiveReader& archive) override {
    archive(ddpg_, policy_replay_, explorer_replay_, debt_);
    for (const Replay* replay : {&policy_replay_, &explorer_replay_}) {
      replay->check(ddpg_.actor().features(), ddpg_.actor().actions());
    }
    exploration_->restore(archive);
  }
  void share(ArchiveWriter& archive) const override { exploration_->share(archive); }
  void adopt(ArchiveReader& archive) override { exploration_->adopt(archive); }

 private:
  std::size_t inputs() const { return static_cast<std::size_t>(head_.inputs()); }
  std::span<float> own(std::vector<float>& all) const {
    return std::span(all).subspan(head_.offset(), head_.parameter_count());
  }
  /// The first of them, a share.
  static void keep(std::vector<Task>& tasks, double share) {
    tasks.erase(tasks.begin() + std::lround(static_cast<double>(tasks.size()) * share), tasks.end());
  }
  /// What is left of the explorers in a round.
  double left(std::int64_t round) const {
    return options_.fade > 0 ? std::max(0.0, 1 - static_cast<double>(round) / options_.fade) : 1;
  }
  /// Their share of its episodes, and of a batch.
  double explorer_share(std::int64_t round) const {
    return left(round) * options_.ensemble.instances * options_.ensemble.explorers / options_.episodes;
  }

  RunRequest episode_of(const Task& task, const std::shared_ptr<const Stepper>& acting, std::int64_t round) const {
    Random random(task.seed.derive("rollout"));
    RunRequest run{.instance = task.instance, .stepper = acting};
    run.plan = context_.tasks.plan(round, random);
    run.start = sample_start(*task.instance, random);
    run.recording.decisions = options_.reward;
    run.mover = exploration_->mover(own(context_.parameters.acting), random);
    return run;
  }

  /// Once, unless the policy to start from has one: from what the first runs looked like.
  void fit_normaliser(Random& random) {
    if (has_normaliser(head_, context_.parameters.acting)) return;
    constexpr int kSamples = 4096;
    batch_.clear(kSamples, head_.inputs(), head_.size());
    policy_replay_.sample(kSamples, 1, 1.0F, 0, random, batch_);
    const auto rows = static_cast<std::size_t>(batch_.begin.back());
    scout::fit_normaliser(head_, std::span(batch_.states).first(rows * inputs()), context_.parameters);
  }

  void draw_batch(std::int64_t round, Random& random) {
    const DdpgOptions& ddpg = options_.ddpg;
    const bool explored = explorer_replay_.size() > 0;
    const int explorers = explored ? static_cast<int>(std::lround(ddpg.batch * explorer_share(round))) : 0;
    const auto discount = static_cast<float>(ddpg.discount);
    batch_.clear(ddpg.batch, head_.inputs(), head_.size());
    if (ddpg.batch > explorers) policy_replay_.sample(ddpg.batch - explorers, ddpg.n_step, discount, 0, random, batch_);
    if (explorers > 0) explorer_replay_.sample(explorers, ddpg.n_step, discount, 0, random, batch_);
    const float* normaliser = own(context_.parameters.acting).data();
    const auto rows = static_cast<std::size_t>(batch_.begin.back());
    head_.normalise(normaliser, batch_.states.data(), rows);
    head_.normalise(normaliser, batch_.next_states.data(), rows);
  }

  TrainingContext context_;
  DecisionsOptions options_;
  DecisionHead head_;
  Ddpg ddpg_;
  std::unique_ptr<Exploration> exploration_;
  Replay policy_replay_, explorer_replay_;
  double debt_ = 0;  // updates that are due
  Batch batch_;
  Findings taken_;  // since the last round: the totals
};

}  // namespace

extern const LearnerEntry decisions{
    "decisions",
    "deep deterministic policy gradient on what is decided for whole runs, fed by an exploration ensemble",
    {"decisions."},
    false,
    make_learner<Decisions>,
    described<DecisionsOptions>};

}  // namespace scout::learner
