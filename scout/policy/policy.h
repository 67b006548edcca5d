// A trained policy: an update rule with its parameters, where it comes from, and its file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "scout/policy/rules.h"

namespace scout {

/// What a policy is, besides its parameters.
struct PolicyDescription {
  RuleOptions rule;
  int horizon = 100;  ///< updates of the episodes that it was trained on
  /// Whatever is known about the training: options, seed, rounds, validation score, date, version.
  nlohmann::json provenance = nlohmann::json::object();
};

/// Immutable; may be used from several threads at once.
///
/// The file, as an ArchiveWriter writes it (scout/base/archive.h): "SCOUTPOL"; u32 format version; u64 size of the file; the
/// header, a JSON text of rule, options, signature of the inputs, horizon and provenance; the parameters, f32; u32 CRC-32 of
/// everything before. Files of version 1 can be read.
class Policy {
 public:
  /// Throws std::invalid_argument if the number of parameters is not the architecture's, or one is not finite, or the
  /// description is not valid.
  Policy(PolicyDescription description, std::vector<float> parameters);

  const PolicyDescription& description() const { return description_; }
  const std::shared_ptr<const UpdateRule>& rule() const { return rule_; }
  const std::vector<float>& parameters() const { return parameters_; }
  /// The rule with these parameters.
  const std::shared_ptr<const Stepper>& stepper() const { return stepper_; }

  /// The content of the file.
  std::vector<std::byte> to_bytes() const;
  /// CRC-32 of the content of the file before its own: tells policies apart.
  std::uint32_t checksum() const;
  /// Throws std::runtime_error that begins with `name` and says what is wrong: not a policy file, truncated, damaged, of a
  /// newer format, made for other inputs, another number of parameters, parameters that are not finite.
  static std::shared_ptr<const Policy> from_bytes(std::span<const std::byte> bytes, const std::string& name = "policy");

  /// Atomic: written to a temporary file beside `path`, which is renamed once it is complete. Throws std::runtime_error.
  void save(const std::string& path) const;
  /// As `from_bytes`; also if the file cannot be read.
  static std::shared_ptr<const Policy> load(const std::string& path);

 private:
  PolicyDescription description_;
  std::shared_ptr<const UpdateRule> rule_;
  std::vector<float> parameters_;
  std::shared_ptr<const Stepper> stepper_;
  struct Checksum {
    std::once_flag known;
    std::uint32_t value = 0;
  };
  std::shared_ptr<Checksum> checksum_ = std::make_shared<Checksum>();  // of all copies
};

}  // namespace scout
