// What of a LearnedOptimizer goes through a file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "scout/policy/test_policy.h"
#include "scout/torch/test_parameters.h"

namespace scout {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;
using Options = LearnedOptimizerOptions;
using torch::optim::OptimizerParamGroup;

TEST(LearnedOptimizerFile, AStateIsLoadedIntoTheSameParametersOnly) {
  auto a = leaf({8, 8}), b = leaf({8, 8});
  for (const bool guard : {true, false}) {
    LearnedOptimizer optimizer({a, b}, Options().guard(guard));
    optimizer.step();
    const std::string state = saved(optimizer);
    const auto loading = [&](std::vector<at::Tensor> parameters) {
      return [&state, parameters, guard] {
        LearnedOptimizer other(parameters, Options().guard(guard));
        load(other, state);
      };
    };
    EXPECT_NO_THROW(loading({a, b})());
    EXPECT_NO_THROW(loading({leaf({8, 8}), leaf({8, 8})})()) << "weights may be loaded afterwards";
    EXPECT_THAT(loading({b, a}), ThrowsMessage<std::runtime_error>(HasSubstr("in another order")));
    EXPECT_THAT(loading({a, leaf({64})}), ThrowsMessage<std::runtime_error>(
                                              HasSubstr("does not fit parameter 1 of group 0, which is of shape [64] and "
                                                        "type Float: the saved one is of shape [8, 8]")));
    EXPECT_THAT(loading({a, leaf({8, 8}, at::kDouble)}), ThrowsMessage<std::runtime_error>(HasSubstr("type Double")));
    EXPECT_THAT(loading({a, a}), ThrowsMessage<std::runtime_error>(HasSubstr("other parameters of it are the same")));
  }
}

TEST(LearnedOptimizerFile, AStateIsLoadedIntoTheSameGroupsOnly) {
  auto a = leaf({8, 8}), b = leaf({8, 8}), c = leaf({8, 8});
  using Groups = std::vector<std::vector<at::Tensor>>;
  const auto optimizer_of = [](const Groups& groups) {
    std::vector<torch::optim::OptimizerParamGroup> out;
    for (const auto& group : groups) out.emplace_back(group, std::make_unique<Options>(out.empty() ? 1.0 : 0.5));
    return LearnedOptimizer(out);
  };
  const auto refused = [&](const Groups& saved_groups, const Groups& groups) {
    LearnedOptimizer optimizer = optimizer_of(saved_groups), other = optimizer_of(groups);
    optimizer.step();
    const std::string state = saved(optimizer), before = saved(other);
    EXPECT_THAT([&] { load(other, state); }, ThrowsMessage<std::runtime_error>(HasSubstr("in other groups")));
    EXPECT_EQ(saved(other), before);
    EXPECT_NO_THROW(load(optimizer, state));
  };
  refused({{a}, {b}}, {{b}, {a}});
  refused({{a, c}, {b}}, {{b, c}, {a}});
}

TEST(LearnedOptimizerFile, OptionsOfTheTrainingComeFromTheFile) {
  auto w = leaf({6});
  LearnedOptimizer optimizer({w}, Options(0.5).weight_decay(1e-3).horizon(77).clip_norm(0.25));
  for (int t = 0; t < 3; ++t) optimizer.step();
  auto v = copy(w);
  LearnedOptimizer other({v}, Options(2.0).weight_decay(1e-5).horizon(10).threads(1).fused(false));
  load(other, saved(optimizer));
  const auto& group = static_cast<const Options&>(other.param_groups()[0].options());
  const auto& own = static_cast<const Options&>(other.defaults());
  EXPECT_EQ(group.lr(), 0.5);
  EXPECT_EQ(group.weight_decay(), 1e-3);
  EXPECT_EQ(own.horizon(), 77);
  EXPECT_EQ(own.clip_norm(), 0.25);
  EXPECT_FALSE(own.fused());
  static_cast<Options&>(other.defaults()).fused(true);
  for (int t = 0; t < 70; ++t) {
    optimizer.step();
    other.step();
  }
  EXPECT_TRUE(w.equal(v));
  static_cast<Options&>(other.defaults()).horizon(1000);  // it goes on for longer than was planned
  optimizer.step();
  other.step();
  EXPECT_FALSE(w.equal(v));
}

TEST(LearnedOptimizerFile, AHorizonIsSavedThatNoStepHasSeenYet) {
  for (const int steps : {0, 3}) {
    auto w = leaf({6});
    LearnedOptimizer optimizer({w});
    for (int t = 0; t < steps; ++t) optimizer.step();
    static_cast<Options&>(optimizer.defaults()).horizon(10);
    auto v = copy(w);
    LearnedOptimizer other({v});
    load(other, saved(optimizer));
    EXPECT_EQ(static_cast<const Options&>(other.defaults()).horizon(), 10);
    for (int t = 0; t < 5; ++t) {
      optimizer.step();
      other.step();
    }
    EXPECT_TRUE(w.equal(v)) << steps;
  }
}

TEST(LearnedOptimizerFile, WhatIsSavedAndLoadedIsSavedAgain) {
  for (const bool guard : {true, false}) {
    auto w = leaf({6});
    LearnedOptimizer optimizer({w}, Options().guard(guard));
    auto broken = at::full({2}, NAN);
    optimizer.watch_buffers({broken});
    optimizer.step();
    EXPECT_EQ(optimizer.guard_report().buffers_broken, 1);
    LearnedOptimizer other({copy(w)}, Options().guard(guard));
    other.watch_buffers({broken.clone()});
    load(other, saved(optimizer));
    EXPECT_EQ(other.guard_report().buffers_broken, 1) << "guard: " << guard;
    EXPECT_EQ(saved(other), saved(optimizer)) << "guard: " << guard;
  }
}

TEST(LearnedOptimizerFile, OptionsOutOfRangeInAFileAreRefused) {
  auto w = leaf({6});
  LearnedOptimizer optimizer({w});
  optimizer.step();
  for (const double clip_norm : {-1.0, static_cast<double>(NAN), static_cast<double>(INFINITY)}) {
    static_cast<Options&>(optimizer.defaults()).clip_norm(clip_norm);
    const std::string state = saved(optimizer);
    LearnedOptimizer other({copy(w)});
    const std::string before = saved(other);
    EXPECT_THAT([&] { load(other, state); }, ThrowsMessage<std::runtime_error>(HasSubstr("damaged")));
    EXPECT_EQ(saved(other), before);
  }
  static_cast<Options&>(optimizer.defaults()).clip_norm(0);
  static_cast<Options&>(optimizer.param_groups()[0].options()).lr(-1);
  const std::string state = saved(optimizer);
  LearnedOptimizer other({copy(w)});
  EXPECT_THAT([&] { load(other, state); }, ThrowsMessage<std::runtime_error>(HasSubstr("option 'lr'")));
}

/// Another archive with the same values, but for the tensors with this name.
void copy_archive(torch::serialize::InputArchive& from, torch::serialize::OutputArchive& to, const std::string& name,
                  const at::Tensor& value) {
  for (const std::string& key : from.keys()) {
    torch::serialize::InputArchive inner;
    at::Tensor tensor;
    if (from.try_read(key, inner)) {
      torch::serialize::OutputArchive copied(to.compilation_unit());
      copy_archive(inner, copied, name, value);
      to.write(key, copied);
    } else if (from.try_read(key, tensor)) {
      to.write(key, key == name ? value : tensor);
    } else {
      c10::IValue number;
      from.read(key, number);
      to.write(key, number);
    }
  }
}

TEST(LearnedOptimizerFile, RecordsWithListsOfOtherLengthsAreRefused) {
  auto w = leaf({6});
  LearnedOptimizer optimizer({w});
  optimizer.step();
  std::stringstream file(saved(optimizer));
  torch::serialize::InputArchive archive, group;
  archive.load_from(file);
  archive.read("group0", group);
  at::Tensor record;  // lists of one element each: the shape, which is a list of one, type, first place, fingerprint
  group.read("parameters", record);
  ASSERT_EQ(record.numel(), 72);
  for (const std::int64_t begin : {24, 40, 56}) {  // this list is empty
    const at::Tensor damaged = torch::cat({record.narrow(0, 0, begin), torch::zeros({8}, at::kByte),
                                           record.narrow(0, begin + 16, record.numel() - begin - 16)});
    torch::serialize::OutputArchive copied;
    copy_archive(archive, copied, "parameters", damaged);
    std::stringstream out;
    copied.save_to(out);
    LearnedOptimizer other({copy(w)});
    const std::string before = saved(other);
    EXPECT_THAT([&] { load(other, out.str()); }, ThrowsMessage<std::runtime_error>(HasSubstr("damaged"))) << begin;
    EXPECT_EQ(saved(other), before);
  }
}

TEST(LearnedOptimizerFile, BuffersWithoutACopyHaveNoneAfterwards) {
  auto w = leaf({6}), buffer = torch::ones({3});
  LearnedOptimizer optimizer({w});
  optimizer.watch_buffers({buffer});
  for (int t = 0; t < 3; ++t) optimizer.step();
  {
    const torch::NoGradGuard no_graph;
    w.fill_(1);
  }
  buffer.fill_(NAN);  // with the weights: a stage begins, and the copy is void
  optimizer.step();
  buffer.fill_(2);
  LearnedOptimizer other({copy(w)});
  other.watch_buffers({buffer.clone()});
  load(other, saved(optimizer));
  EXPECT_EQ(other.state_bytes(), optimizer.state_bytes());
  EXPECT_EQ(saved(other), saved(optimizer));
  LearnedOptimizer more({copy(w)});
  more.watch_buffers({buffer.clone(), buffer.clone()});
  const auto bytes = more.state_bytes();
  load(more, saved(optimizer));
  EXPECT_GT(more.state_bytes(), bytes) << "its own copies stay where other buffers were saved";
}

}  // namespace
}  // namespace scout
