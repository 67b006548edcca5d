// A trained policy: weights, architecture, where it comes from, and its file.
#pragma once

#include <cstddef>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "scout/policy/rule/actor.h"
#include "scout/policy/rule/observer.h"
#include "scout/policy/weight/weight_rule.h"

namespace scout {

/// What a policy is, besides its weights.
struct PolicyDescription {
  ObserverOptions observer;
  std::vector<int> hidden{64, 64};  ///< widths of the actor's, or the network rule's, hidden layers
  bool proposals = true;            ///< see Actor
  /// The largest step of a coordinate, as a share of its box's width; form "network": WeightStepper's `base_step`.
  double step_scale = 0.7;
  int horizon = 100;  ///< updates of the episodes that it was trained on
  /// Whatever is known about the training: options, seed, rounds, validation score, date, version.
  nlohmann::json provenance = nlohmann::json::object();
};

/// Immutable; may be used from several threads at once.
///
/// The file, little-endian: "SCOUTPOL"; u32 format version; u32 length of the header; the header, a JSON object with the
/// description and the feature signature; u64 number of parameters; the parameters, f32; u32 CRC-32 of everything before.
class Policy {
 public:
  /// Throws std::invalid_argument if the number of parameters is not the architecture's, or one is not finite, or the
  /// description is not valid.
  Policy(PolicyDescription description, std::vector<float> parameters);

  const PolicyDescription& description() const { return description_; }
  /// Of the forms for functions of a vector; empty for form "network".
  const Actor& actor() const { return actor_; }
  /// Of the form "network"; empty for the others.
  const WeightRule& weight_rule() const { return weight_rule_; }
  const std::vector<float>& parameters() const { return parameters_; }

  /// The content of the file.
  std::vector<std::byte> to_bytes() const;
  /// Throws std::runtime_error that begins with `name` and says what is wrong: not a policy file, truncated, damaged, of a
  /// newer format, made for other features, another number of parameters, weights that are not finite.
  static std::shared_ptr<const Policy> from_bytes(std::span<const std::byte> bytes, const std::string& name = "policy");

  /// Atomic: written to a temporary file beside `path`, which is renamed once it is complete. Throws std::runtime_error.
  void save(const std::string& path) const;
  /// As `from_bytes`; also if the file cannot be read.
  static std::shared_ptr<const Policy> load(const std::string& path);

 private:
  PolicyDescription description_;
  Actor actor_;
  WeightRule weight_rule_;
  std::vector<float> parameters_;
};

}  // namespace scout
