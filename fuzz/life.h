// Two optimizers that live the same life, and what is known of them without asking.
#pragma once

#include <torch/types.h>

#include <memory>
#include <string>
#include <vector>

#include "fuzz/target.h"
#include "scout/torch/learned_optimizer.h"

namespace scout::fuzz {

using Options = LearnedOptimizerOptions;
using Groups = std::vector<std::vector<int>>;  // numbers of parameters; -1: an undefined one

std::string bits(const at::Tensor& tensor);

/// What is known of a parameter without asking the optimizer.
struct Known {
  bool state = false;
  std::vector<std::int64_t> shape{};  ///< of the weights when the state was made
  at::ScalarType type = at::kFloat;
};

/// Of a file: what a state in it fits.
struct Saved {
  std::string file;
  std::string structure;
  std::vector<std::vector<std::string>> weights;  ///< by group
  std::vector<Known> known;                       ///< by parameter
  std::vector<char> mixed;                        ///< likewise
  std::vector<double> rates;                      ///< by group
  std::int64_t steps = 0, horizon = 0;
  double clip_norm = 0;
  Groups groups;
};

class Life {
 public:
  /// `learned`: by the policy `network`, otherwise by Adam.
  Life(bool guard, bool learned, bool fused);
  void live(Pieces program);

 private:
  // What happens to both: life.cc.

  void operate(Pieces& program);
  // Numbers that differ from place to place; some are extreme.
  at::Tensor values(std::vector<std::int64_t> shape, at::ScalarType type, std::uint8_t kind);
  static std::vector<std::int64_t> shape_of(std::size_t kind);
  static at::ScalarType type_of(std::size_t kind);
  int add(Pieces& program);
  bool full() const;
  std::size_t any(Pieces& program) const { return program.below(pool_a_.size()); }
  void add_group(Pieces& program);
  /// Of a group, the same parameter once more, or an undefined one.
  void list_again(Pieces& program);
  void replace(Pieces& program);
  void freeze(Pieces& program);
  void write(Pieces& program);
  /// Another type or shape for the same object.
  void retype(Pieces& program);
  /// All the weights of another, as another object.
  void share(Pieces& program);
  void set_gradient(std::size_t p, const at::Tensor& gradient);
  void gradients(Pieces& program);
  /// Of one parameter: none, sparse, or of another shape.
  void spoil_gradient(Pieces& program);
  void set_options(Pieces& program);
  void watch(Pieces& program);

  // What has to hold: learned_optimizer.cc.

  bool options_are_right() const;
  /// Whether the next step has to be refused.
  bool to_refuse() const;
  static bool takes_part(const at::Tensor& weight);
  void step(Pieces& program);
  bool shares(std::size_t p) const;
  /// Makes the next step one that is taken.
  void repair();
  static std::string saved(const LearnedOptimizer& optimizer);
  static void load(LearnedOptimizer& optimizer, const std::string& state);
  /// Whether a state is of a parameter that is in no group: it is in no file, and the next step frees it.
  bool orphaned() const;
  /// The second optimizer goes on as another one, from its file.
  void resume();
  std::string structure() const;
  std::vector<std::vector<std::string>> weights() const;
  void keep();
  /// Loads what was kept.
  void go_back();
  void move() { b_ = std::make_unique<LearnedOptimizer>(std::move(*b_)); }
  /// A child steps, and the parent goes on as if there had been none.
  void fork_child();

  bool guard_;
  Options first_, second_;
  std::unique_ptr<LearnedOptimizer> a_, b_;
  std::vector<at::Tensor> pool_a_, pool_b_, buffers_a_, buffers_b_;
  std::vector<Known> known_;
  std::vector<char> mixed_;  // parameters that have shared weights: whose state it is, the optimizer decides
  Groups groups_;
  Saved kept_;
  std::uint64_t number_ = 1;
};

}  // namespace scout::fuzz
