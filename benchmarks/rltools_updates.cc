// The updates of TD3 on Pendulum by RLtools (https://github.com/rl-tools/rl-tools), for learner_speed --rltools. RLtools is
// no dependency: nothing of the build compiles this file. With a copy of RLtools in RLTOOLS, and its own options for speed:
//
//   g++ -std=c++17 -O3 -ffast-math -march=native -fPIC -shared -DRL_TOOLS_BACKEND_ENABLE_OPENBLAS -DRL_TOOLS_DISABLE_HDF5
//     -DRL_TOOLS_DISABLE_TENSORBOARD -DRL_TOOLS_NN_DISABLE_GENERIC_FORWARD_BACKWARD -I RLTOOLS/include
//     benchmarks/rltools_updates.cc -o rltools_updates.so -lopenblas
//
// Networks, batch and intervals are those of its benchmark program, src/rl/environments/pendulum/td3/cpu/benchmark.cpp.
#include <immintrin.h>
// RLtools needs this order.
// clang-format off
#include <rl_tools/operations/cpu_mux.h>
#include <rl_tools/nn/optimizers/adam/instance/operations_generic.h>
#include <rl_tools/nn/operations_cpu_mux.h>
#include <rl_tools/nn/layers/td3_sampling/operations_generic.h>
#include <rl_tools/rl/environments/pendulum/operations_cpu.h>
#include <rl_tools/nn_models/mlp/operations_generic.h>
#include <rl_tools/nn_models/sequential/operations_generic.h>
#include <rl_tools/nn/optimizers/adam/operations_generic.h>
#include <rl_tools/rl/algorithms/td3/loop/core/config.h>
#include <rl_tools/rl/algorithms/td3/loop/core/operations_generic.h>
// clang-format on

#include <memory>

namespace {

namespace rlt = rl_tools;
namespace td3 = rl_tools::rl::algorithms::td3;

using Device = rlt::devices::DEVICE_FACTORY<>;
using Rng = Device::SPEC::RANDOM::ENGINE<>;
using Index = Device::index_t;
using Types = rlt::numeric_types::Policy<float>;
using Environment = rlt::rl::environments::Pendulum<
    rlt::rl::environments::pendulum::Specification<float, Index, rlt::rl::environments::pendulum::DefaultParameters<float>>>;
struct Parameters : td3::loop::core::DefaultParameters<Types, Index, Environment> {
  static constexpr Index STEP_LIMIT = 10000;  // which the replay holds
  static constexpr Index ACTOR_NUM_LAYERS = 3;
  static constexpr Index ACTOR_HIDDEN_DIM = 64;
  static constexpr Index CRITIC_NUM_LAYERS = 3;
  static constexpr Index CRITIC_HIDDEN_DIM = 64;
};
using Config = td3::loop::core::Config<Types, Index, Rng, Environment, Parameters>;
using State = Config::State<Config>;

constexpr unsigned kFlushDenormals = 0x8040;  // as programs do that are linked with -ffast-math

/// The second half of rl_tools::step for this configuration: all but the step of the task.
void update(Device& device, State& s) {
  rlt::gather_batch(device, s.off_policy_runner, s.critic_batch, s.rng);
  auto noise = rlt::matrix_view(device, s.critic_training_buffers.target_next_action_noise);
  rlt::target_action_noise(device, s.actor_critic, noise, s.rng);
  for (int k = 0; k < 2; ++k) {
    rlt::train_critic(device, s.actor_critic, s.actor_critic.critics[k], s.critic_batch, s.actor_critic.critic_optimizers[k],
                      s.actor_buffers[k], s.actor_target_buffers[k], s.critic_buffers[k], s.critic_target_buffers[k],
                      s.critic_training_buffers, s.rng);
  }
  using Td3 = Config::CORE_PARAMETERS::TD3_PARAMETERS;
  static_assert(Td3::CRITIC_TARGET_UPDATE_INTERVAL == Td3::ACTOR_TRAINING_INTERVAL);
  if (++s.step % Td3::ACTOR_TRAINING_INTERVAL != 0) return;
  rlt::update_critic_targets(device, s.actor_critic);
  rlt::train_actor(device, s.actor_critic, s.critic_batch, s.actor_critic.actor_optimizer, s.actor_buffers[0],
                   s.critic_buffers[0], s.actor_training_buffers, s.rng);
  rlt::update_actor_target(device, s.actor_critic);
}

}  // namespace

/// The first call also fills the replay, by a training.
extern "C" void rltools_updates(int count) {
  static Device device;
  static std::unique_ptr<State> state;
  _mm_setcsr(_mm_getcsr() | kFlushDenormals);
  if (state == nullptr) {
    state = std::make_unique<State>();
    rlt::malloc(device, *state);
    rlt::init(device, *state, 0);
    while (!rlt::step(device, *state)) {
    }
  }
  for (int k = 0; k < count; ++k) update(device, *state);
  _mm_setcsr(_mm_getcsr() & ~kFlushDenormals);
}
