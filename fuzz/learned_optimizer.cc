// Programs for LearnedOptimizer, against what its header promises: a byte an operation, further bytes its operands. Two
// optimizers live the same life; the second is saved and loaded, moved, has more threads and other layouts of memory. Every
// bit of their weights has to be the same.
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <signal.h>
#include <sys/wait.h>
#include <torch/serialize.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <sstream>

#include "fuzz/life.h"
#include "scout/policy/shipped.h"
#include "scout/policy/test_policy.h"

namespace scout::fuzz {
namespace {

constexpr int kMostOperations = 48;

std::shared_ptr<const Policy> adam() {
  static const auto policy = untrained({.rule = "adam", .step_scale = 1e-2}, 30);
  return policy;
}

bool finite(const at::Tensor& tensor) { return !tensor.defined() || tensor.detach().isfinite().all().item<bool>(); }

}  // namespace

std::string bits(const at::Tensor& tensor) {
  if (!tensor.defined()) return "";
  const at::Tensor flat = tensor.detach().contiguous();
  return {static_cast<const char*>(flat.data_ptr()), flat.nbytes()};
}

Life::Life(bool guard, bool learned, bool fused) : guard_(guard) {
  first_ = Options().guard(guard).threads(1).fused(fused).policy(learned ? policy("network") : adam());
  second_ = first_;
  second_.threads(2);
}

void Life::live(Pieces program) {
  groups_ = {{add(program)}};
  a_ = std::make_unique<LearnedOptimizer>(std::vector<at::Tensor>{pool_a_[0]}, first_);
  b_ = std::make_unique<LearnedOptimizer>(std::vector<at::Tensor>{pool_b_[0]}, second_);
  for (int n = 0; n < kMostOperations && !program.empty(); ++n) operate(program);
  if (a_->steps() % 2 == 0) resume();
  step(program);
}

void Life::operate(Pieces& program) {
  switch (program.below(20)) {
    case 0:
      return add_group(program);
    case 1:
      return replace(program);
    case 2:
      return freeze(program);
    case 3:
      return write(program);
    case 4:
      return retype(program);
    case 5:
      return set_options(program);
    case 6:
      return resume();
    case 7:
      return keep();
    case 8:
      return go_back();
    case 9:
      return move();
    case 10:
      return watch(program);
    case 11:
      return share(program);
    case 12:
      return spoil_gradient(program);
    case 13:
      return program.chance(16) ? fork_child() : step(program);
    case 14:
      return list_again(program);
    case 15:
    case 16:
      return gradients(program);
    default:
      return gradients(program), step(program);
  }
}

bool Life::options_are_right() const {
  const auto& own = static_cast<const Options&>(a_->defaults());
  bool right = own.horizon() >= 0 && std::isfinite(own.clip_norm()) && own.clip_norm() >= 0;
  for (const auto& group : a_->param_groups()) {
    const auto& options = static_cast<const Options&>(group.options());
    right = right && std::isfinite(options.lr()) && options.lr() >= 0 && options.weight_decay() >= 0 &&
            options.weight_decay() * std::max(1.0, options.lr()) <= 1;
  }
  return right;
}

bool Life::to_refuse() const {
  if (!options_are_right()) return true;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    for (const int number : groups_[g]) {
      if (number < 0) continue;
      const auto p = static_cast<std::size_t>(number);
      const at::Tensor& weight = pool_a_[p];
      const Known& known = known_[p];
      if (known.state && (weight.sizes() != at::IntArrayRef(known.shape) || weight.scalar_type() != known.type)) return true;
      if (!takes_part(weight)) continue;
      const at::Tensor& gradient = weight.grad();
      if (gradient.is_sparse() || gradient.sizes() != weight.sizes() || weight.scalar_type() == at::kHalf) return true;
      for (std::size_t h = 0; h < groups_.size(); ++h) {
        for (const int other : groups_[h]) {
          if (other < 0 || h == g || !takes_part(pool_a_[static_cast<std::size_t>(other)])) continue;
          if (pool_a_[static_cast<std::size_t>(other)].data_ptr() == weight.data_ptr()) return true;
        }
      }
    }
  }
  return false;
}

bool Life::takes_part(const at::Tensor& weight) {
  return weight.requires_grad() && weight.grad().defined() && weight.numel() > 0;
}

void Life::step(Pieces& program) {
  const std::uint8_t kind = program.byte();
  const double losses[]{1.0 / (1.0 + static_cast<double>(a_->steps())), 1e6, NAN, INFINITY, 0, -1, 1e300};
  const double loss = losses[kind / 2 % std::size(losses)];
  const auto closure = [&] { return at::scalar_tensor(loss, at::kDouble); };
  const auto stepping = [&](LearnedOptimizer& optimizer) {
    return takes<std::invalid_argument>([&] {
      if (kind % 2 == 0) {
        optimizer.step(closure);
      } else {
        optimizer.step();
      }
    });
  };
  std::vector<std::string> before;
  std::vector<bool> was_finite;
  for (const at::Tensor& weight : pool_a_) {
    before.push_back(bits(weight));
    was_finite.push_back(finite(weight));
  }
  const bool refuse = to_refuse();
  const std::int64_t steps = a_->steps();
  const std::string state = refuse ? saved(*a_) : "";
  expect(stepping(*a_) != refuse, refuse ? "a step was taken that has to be refused" : "a step was refused");
  expect(stepping(*b_) != refuse, "the second optimizer sees a step otherwise");
  if (refuse) {
    expect(saved(*a_) == state, "a refused step changed the state");
    for (std::size_t p = 0; p < pool_a_.size(); ++p) expect(bits(pool_a_[p]) == before[p], "a refused step moved weights");
    return repair();
  }
  bool taken = false;
  std::vector<bool> listed(pool_a_.size());
  for (const auto& group : groups_) {
    for (const int number : group) {
      if (number < 0) continue;
      const auto p = static_cast<std::size_t>(number);
      listed[p] = true;
      taken = taken || takes_part(pool_a_[p]);
    }
  }
  expect(a_->steps() == steps + (taken ? 1 : 0), "steps are miscounted");
  for (std::size_t p = 0; p < pool_a_.size(); ++p) {
    const at::Tensor& weight = pool_a_[p];
    const bool shared = shares(p);
    if (!listed[p]) known_[p].state = false;
    if (listed[p] && takes_part(weight) && !known_[p].state && !shared) {
      known_[p] = {true, weight.sizes().vec(), weight.scalar_type()};
    }
    // The guard brings back weights without a gradient too.
    const bool still = !listed[p] || !weight.requires_grad() || (!guard_ && !weight.grad().defined());
    if (still && !shared) expect(bits(weight) == before[p], "weights moved that were to be left alone");
    if (was_finite[p]) expect(finite(weight), "finite weights became others");
    expect(bits(weight) == bits(pool_b_[p]), "the two optimizers differ");
  }
  expect(a_->steps() == b_->steps() && a_->state_bytes() == b_->state_bytes(), "the two have other states");
}

bool Life::shares(std::size_t p) const {
  for (std::size_t q = 0; q < pool_a_.size(); ++q) {
    if (q != p && pool_a_[q].numel() > 0 && pool_a_[q].data_ptr() == pool_a_[p].data_ptr()) return true;
  }
  return false;
}

void Life::repair() {
  for (LearnedOptimizer* optimizer : {a_.get(), b_.get()}) {
    for (auto& group : optimizer->param_groups()) static_cast<Options&>(group.options()).lr(1).weight_decay(0);
    static_cast<Options&>(optimizer->defaults()).horizon(50).clip_norm(0);
  }
  for (std::size_t p = 0; p < pool_a_.size(); ++p) {
    const at::Tensor& weight = pool_a_[p];
    const auto shape = known_[p].state ? known_[p].shape : weight.sizes().vec();
    const auto type = known_[p].state                     ? known_[p].type
                      : weight.scalar_type() == at::kHalf ? at::kFloat
                                                          : weight.scalar_type();
    if (weight.sizes() != at::IntArrayRef(shape) || weight.scalar_type() != type || shares(p)) {
      const at::Tensor data = values(shape, type, 0);
      pool_a_[p].set_data(data.clone());
      pool_b_[p].set_data(data.clone());
    }
    set_gradient(p, values(shape, type, 0));
  }
  expect(!to_refuse(), "the target itself is wrong");
}

std::string Life::saved(const LearnedOptimizer& optimizer) {
  std::stringstream file;
  torch::save(optimizer, file);
  return file.str();
}

void Life::load(LearnedOptimizer& optimizer, const std::string& state) {
  std::stringstream file(state);
  torch::load(optimizer, file);
}

bool Life::orphaned() const {
  for (std::size_t p = 0; p < pool_a_.size(); ++p) {
    const bool listed = std::any_of(groups_.begin(), groups_.end(), [&](const std::vector<int>& group) {
      return std::find(group.begin(), group.end(), static_cast<int>(p)) != group.end();
    });
    if (!listed && (known_[p].state || mixed_[p])) return true;
  }
  return false;
}

void Life::resume() {
  if (orphaned()) return;
  if (to_refuse()) repair();
  const std::string state = saved(*b_);
  std::vector<at::Tensor> pool;
  for (std::size_t p = 0; p < pool_b_.size(); ++p) {
    const at::Tensor& old = pool_b_[p];
    pool.push_back(old.detach().clone().set_requires_grad(old.requires_grad()));
    for (std::size_t q = 0; q < p; ++q) {
      if (old.numel() > 0 && old.data_ptr() == pool_b_[q].data_ptr()) pool[p].set_data(pool[q].detach());
    }
    if (old.grad().defined()) pool[p].mutable_grad() = old.grad().clone();
  }
  std::vector<torch::optim::OptimizerParamGroup> groups;
  for (const auto& group : groups_) {
    std::vector<at::Tensor> parameters;
    for (const int p : group) parameters.push_back(p < 0 ? at::zeros({1}) : pool[static_cast<std::size_t>(p)]);
    groups.emplace_back(parameters, std::make_unique<Options>(second_));
  }
  b_ = std::make_unique<LearnedOptimizer>(groups, second_);
  for (std::size_t g = 0; g < groups_.size(); ++g) {  // torch takes no undefined one, but it may become so
    for (std::size_t p = 0; p < groups_[g].size(); ++p) {
      if (groups_[g][p] < 0) b_->param_groups()[g].params()[p] = at::Tensor();
    }
  }
  pool_b_ = pool;
  b_->watch_buffers(buffers_b_);
  load(*b_, state);
  if (a_->steps() % 4 == 0) expect(saved(*b_) == state, "saved again it is another state");  // saving takes most of the time
}

std::string Life::structure() const {
  std::ostringstream out;
  for (const auto& group : groups_) {
    out << "group";
    for (std::size_t p = 0; p < group.size(); ++p) {
      if (group[p] < 0) {
        out << " none";
        continue;
      }
      const at::Tensor& weight = pool_a_[static_cast<std::size_t>(group[p])];
      out << ' ' << weight.sizes() << weight.scalar_type() << '@'
          << std::find(group.begin(), group.end(), group[p]) - group.begin();
    }
  }
  return out.str();
}

std::vector<std::vector<std::string>> Life::weights() const {
  std::vector<std::vector<std::string>> out;
  for (const auto& group : groups_) {
    auto& of_group = out.emplace_back();
    for (const int p : group) {
      const at::Tensor weight = p < 0 ? at::Tensor() : pool_a_[static_cast<std::size_t>(p)].detach().to(at::kFloat);
      of_group.push_back(bits(weight));
    }
  }
  return out;
}

void Life::keep() {
  if (to_refuse()) return;
  Saved out{.file = saved(*a_),
            .structure = structure(),
            .weights = weights(),
            .known = known_,
            .mixed = mixed_,
            .rates = {},
            .groups = groups_};
  for (const auto& group : a_->param_groups()) out.rates.push_back(static_cast<const Options&>(group.options()).lr());
  out.steps = a_->steps();
  out.clip_norm = static_cast<const Options&>(a_->defaults()).clip_norm();
  kept_ = out;
}

void Life::go_back() {
  if (kept_.file.empty() || to_refuse()) return;
  const auto reordered = [](std::vector<std::string> before, std::vector<std::string> after) {
    if (before == after) return false;
    std::sort(before.begin(), before.end());
    std::sort(after.begin(), after.end());
    return before == after;
  };
  bool fits = kept_.structure == structure();
  const auto now = weights();
  std::vector<std::string> all_before, all_after;
  for (std::size_t g = 0; fits && g < now.size(); ++g) {
    fits = !reordered(kept_.weights[g], now[g]);
    all_before.insert(all_before.end(), kept_.weights[g].begin(), kept_.weights[g].end());
    all_after.insert(all_after.end(), now[g].begin(), now[g].end());
  }
  fits = fits && !reordered(all_before, all_after);
  const std::string state = fits ? "" : saved(*a_);
  const bool taken = takes<std::runtime_error>([&] { load(*a_, kept_.file); });
  expect(taken == fits, fits ? "a state that fits was refused" : "a state that does not fit was loaded");
  if (!taken) {
    expect(saved(*a_) == state, "a refused state changed the optimizer");
    return;
  }
  load(*b_, kept_.file);
  expect(a_->steps() == kept_.steps, "steps are not those of the file");
  expect(static_cast<const Options&>(a_->defaults()).clip_norm() == kept_.clip_norm, "clip_norm is not the file's");
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const auto& options = static_cast<const Options&>(a_->param_groups()[g].options());
    expect(options.lr() == kept_.rates[g], "lr is not the file's");
  }
  for (auto& known : known_) known.state = false;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    for (std::size_t p = 0; p < groups_[g].size(); ++p) {
      if (groups_[g][p] < 0) continue;
      const Known& then = kept_.known[static_cast<std::size_t>(kept_.groups[g][p])];
      if (then.state) known_[static_cast<std::size_t>(groups_[g][p])] = then;
      if (kept_.mixed[static_cast<std::size_t>(kept_.groups[g][p])]) mixed_[static_cast<std::size_t>(groups_[g][p])] = 1;
    }
  }
}

void Life::fork_child() {
  if (to_refuse()) return;
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGALRM, SIG_DFL);
    alarm(10);
    for (int i = 0; i < 3; ++i) a_->step(), b_->step();
    bool same = true;
    for (std::size_t p = 0; p < pool_a_.size(); ++p) same = same && bits(pool_a_[p]) == bits(pool_b_[p]);
    _exit(same ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  expect(WIFEXITED(status), "a child of fork hung or crashed");
  expect(WEXITSTATUS(status) == 0, "in a child of fork the two optimizers differ");
}

std::vector<std::string> seeds() {
  std::vector<std::string> out;
  for (char kind = 0; kind < 8; ++kind) {
    for (int first = 0; first < 15; ++first) {  // some steps, an operation, some steps
      std::string program{kind, 1, 0, 0, 0};
      for (int n = 0; n < 4; ++n) program += {17, static_cast<char>(n), static_cast<char>(2 * n)};
      program += {static_cast<char>(first), 0, 0, 0, 0, 0};
      for (int n = 0; n < 4; ++n) program += {18, static_cast<char>(16 * n), static_cast<char>(n)};
      program += {6, 8, 19, 0, 0};
      out.push_back(program);
    }
  }
  return out;
}

void run(Input input) {
  static const bool once = (at::set_num_threads(1), true);
  if (!once) return;
  Pieces program(input);
  const std::uint8_t kind = program.byte();
  Life((kind & 1) != 0, (kind & 2) != 0, (kind & 4) == 0).live(program);
}

}  // namespace scout::fuzz
