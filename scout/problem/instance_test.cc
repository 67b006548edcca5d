#include "scout/problem/instance.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "scout/problem/catalog/family.h"

namespace scout {
namespace {

template <class Call>
std::string error_of(Call&& call) {
  try {
    call();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "no std::invalid_argument";
}

TEST(Split, RoundTrip) {
  for (Split split : {Split::train, Split::validation, Split::test}) EXPECT_EQ(split_from_string(to_string(split)), split);
  const std::string error = error_of([] { split_from_string("tset"); });
  EXPECT_NE(error.find("'tset': must be one of train, validation, test"), std::string::npos) << error;
}

TEST(Families, NamesAndSuffixes) {
  const auto names = family_names();
  for (const char* name :
       {"sphere", "ellipsoid", "rosenbrock", "rastrigin", "ackley", "griewank", "schwefel", "styblinski-tang", "levy",
        "michalewicz", "plateau", "cliff", "ravine", "lunacek", "gallagher", "saddle"}) {
    EXPECT_EQ(std::count(names.begin(), names.end(), name), 1) << name;
  }
  for (const auto& name : names) {
    if (family(name)->has_own_dimensions()) continue;  // classifiers: see classifier/family_test.cc
    for (const char* suffix : {"", "-rotated", "-noisy", "-rotated-noisy"}) {
      EXPECT_EQ(family(name + suffix)->name(), name + suffix);
      EXPECT_FALSE(family(name + suffix)->summary().empty());
    }
  }
}

TEST(Families, UnknownNameNamesTheNearest) {
  const std::string error = error_of([] { family("rastrgin-rotated"); });
  EXPECT_NE(error.find("'rastrgin-rotated'"), std::string::npos) << error;
  EXPECT_NE(error.find("did you mean 'rastrigin-rotated'?"), std::string::npos) << error;
  EXPECT_NE(error.find("styblinski-tang"), std::string::npos) << error;
  for (const char* name : {"", "-rotated", "sphere-noisy-rotated", "sphere-rotated-rotated", "Sphere"}) {
    EXPECT_THROW(family(name), std::invalid_argument) << name;
  }
}

TEST(Families, DimensionErrors) {
  EXPECT_THROW(family("sphere")->sample(Split::train, 0, 0), std::invalid_argument);
  EXPECT_THROW(family("sphere")->sample(Split::train, 0, -3), std::invalid_argument);
  const std::string error = error_of([] { family("rosenbrock-rotated-noisy")->sample(Split::train, 0, 1); });
  EXPECT_NE(error.find("rosenbrock"), std::string::npos) << error;
  EXPECT_NE(error.find("dimension is 1: must be at least 2"), std::string::npos) << error;
}

/// Every number that places an instance comes from its seed: no two instances of any split, twin or dimension share one.
TEST(Families, SplitsTwinsAndIndicesShareNothing) {
  std::set<double> seen;
  std::size_t count = 0;
  for (const char* name : {"rastrigin", "rastrigin-rotated", "ackley"}) {
    for (Split split : {Split::train, Split::validation, Split::test}) {
      for (std::uint64_t index : {0ULL, 1ULL, 2ULL, 1000ULL, ~0ULL}) {
        for (int dimension : {1, 2, 3}) {
          const auto instance = family(name)->sample(split, index, dimension);
          for (double x : instance->optimum()) {
            seen.insert(x);
            ++count;
          }
          seen.insert(*instance->optimum_value());
          ++count;
        }
      }
    }
  }
  EXPECT_EQ(seen.size(), count);
}

/// Instances are permanent: results of past runs refer to them by index. If this fails, the definition has changed.
TEST(Families, InstancesStayTheSame) {
  const auto instance = family("rastrigin")->sample(Split::test, 0, 2);
  EXPECT_NEAR(instance->optimum()[0], 14.0388924296, 1e-9);
  EXPECT_NEAR(instance->optimum()[1], -6.297478342, 1e-9);
  EXPECT_NEAR(*instance->optimum_value(), -9.13276356104, 1e-9);
}

}  // namespace
}  // namespace scout
