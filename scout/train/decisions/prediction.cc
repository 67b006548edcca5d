// Bonuses for what a model of the dynamics did not foresee (Stadie, Levine & Abbeel 2015, "Incentivizing exploration in
// reinforcement learning with deep predictive models"). Of decision number t, with a model M of the next state:
//
//     e_t = ‖s_{t+1} - M(s_t, a_t)‖²,   ē_t = e_t / max_{k<=t} e_k,   r_t <- r_t + β ē_t / (t C)   (their eqs. 2, 3).
//
// States are normalised decision rows; they need no autoencoder.
#include <algorithm>
#include <cmath>

#include "scout/train/decisions/exploration.h"

namespace scout::exploration {
namespace {

class Prediction final : public Exploration {
 public:
  explicit Prediction(const ExplorationContext& context)
      : Exploration(context),
        own_(context.options.prediction),
        model_(layer_sizes(context.head.inputs() + context.head.size(), own_.hidden, context.head.inputs())) {
    if (context.options.ddpg.n_step != 1) {
      throw_bad_option("decisions.ddpg.n_step", std::to_string(context.options.ddpg.n_step),
                       "1 with decisions.exploration = \"prediction\", whose model foresees the next state");
    }
    Random random(context.seed.derive("dynamics"));
    parameters_ = model_.initial_parameters(random, 0.1F);
  }

  std::shared_ptr<Mover> mover(std::span<const float>, Random& random) const override {
    return drawn_noise(options(), random);
  }

  void reward(std::span<const float> parameters, std::span<Trajectory> trajectories) override {
    if (!normalises(parameters)) {  // they count all the same
      for (const Trajectory& t : trajectories) seen_ += t.steps();
      return;
    }
    for (Trajectory& t : trajectories) {
      if (t.steps() == 0) continue;
      std::vector<float> states = t.states;
      head().normalise(parameters.data(), states.data(), states.size() / inputs());
      const std::size_t rows = t.rewards.size(), all = rows / static_cast<std::size_t>(t.steps());
      foresee(states.data(), t.actions.data(), rows);
      for (std::size_t i = 0; i < rows; ++i) {
        if (i % all == 0) ++seen_;
        const double error = squared_error(states.data() + all * inputs(), i);
        largest_ = std::max(largest_, error);
        if (!(largest_ > 0)) continue;
        const double novelty = error / largest_ / (own_.decay * static_cast<double>(seen_));
        t.rewards[i] += static_cast<float>(own_.scale * novelty);
        bonus_ += own_.scale * novelty, ++count_;
      }
    }
  }

  DdpgReport update(const Batch& batch, Random& random) override {
    const auto rows = static_cast<std::size_t>(batch.begin.back());
    const std::span<float> predicted = foresee(batch.states.data(), batch.actions.data(), rows);
    std::vector<float> slope(predicted.size());
    error_ = 0;
    for (std::size_t i = 0; i < slope.size(); ++i) {
      const float difference = predicted[i] - batch.next_states[i];
      slope[i] = 2 * difference / static_cast<float>(rows);
      error_ += static_cast<double>(difference * difference) / static_cast<double>(rows);
    }
    gradient_.assign(parameters_.size(), 0.0F);
    model_.backward(parameters_.data(), input_.data(), slope.data(), trace_, gradient_.data(), nullptr);
    adam_.update(parameters_, gradient_, own_.learning_rate);
    return Exploration::update(batch, random);
  }

  void end_round() override { told_ = count_ > 0 ? bonus_ / static_cast<double>(count_) : 0, bonus_ = 0, count_ = 0; }
  void report(std::vector<Metric>& metrics) const override {
    metrics.push_back({"exploration_bonus", told_});
    metrics.push_back({"prediction_error", error_});
  }

  void save(ArchiveWriter& archive) const override { const_cast<Prediction*>(this)->visit(archive); }
  void restore(ArchiveReader& archive) override { visit(archive); }

 private:
  void visit(auto& archive) {
    archive.fixed(parameters_);
    archive(adam_, seen_, largest_, bonus_, count_, error_);
  }

  /// M(s, a) [rows, S], which lives in trace_.
  std::span<float> foresee(const float* states, const float* chosen, std::size_t rows) {
    const std::size_t width = inputs() + actions();
    input_.resize(rows * width);
    for (std::size_t r = 0; r < rows; ++r) {
      float* row = input_.data() + r * width;
      std::copy_n(states + r * inputs(), inputs(), row);
      std::copy_n(chosen + r * actions(), actions(), row + inputs());
    }
    return model_.forward(parameters_.data(), input_.data(), static_cast<int>(rows), trace_);
  }
  double squared_error(const float* next, std::size_t row) const {
    const float* predicted = trace_.activations.back().data();
    double sum = 0;
    for (std::size_t i = row * inputs(); i < (row + 1) * inputs(); ++i) {
      sum += std::pow(static_cast<double>(next[i] - predicted[i]), 2);
    }
    return sum;
  }

  PredictionOptions own_;
  Mlp model_;
  std::vector<float> parameters_, gradient_, input_;
  Adam adam_;
  Mlp::Trace trace_;
  std::int64_t seen_ = 0;  // decisions, t
  double largest_ = 0;     // error so far
  double bonus_ = 0;       // of the round: the sum, and over how many
  std::int64_t count_ = 0;
  double told_ = 0, error_ = 0;
};

}  // namespace

extern const ExplorationEntry prediction{"prediction",
                                         "a bonus for what a model of the dynamics did not foresee (Stadie et al. 2015)",
                                         {"noise", "noise_high", "prediction."},
                                         {},
                                         make_exploration_of<Prediction>};

}  // namespace scout::exploration
