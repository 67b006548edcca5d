#include "scout/policy/policy.h"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "scout/base/archive.h"
#include "scout/base/json_lines.h"
#include "scout/base/options.h"

namespace scout {
namespace {

constexpr std::string_view kMagic = "SCOUTPOL";
constexpr std::uint32_t kFormatVersion = 2;
constexpr std::size_t kChecksumSize = 4;

std::uint32_t crc(std::span<const std::byte> bytes) {
  return static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

/// The header that version 1 had, as today's.
nlohmann::json from_version_1(const nlohmann::json& old) {
  const auto& observer = old.at("observer");
  const std::string form = observer.at("form");
  const std::string rule = form == "coordinatewise" ? "coordinate" : form == "network" ? "weight" : form;
  nlohmann::json out{{"rule", rule},
                     {"options", nlohmann::json::object()},
                     {"inputs", old.at("features")},
                     {"horizon", old.at("horizon")},
                     {"provenance", old.at("provenance")}};
  for (const std::string& key : rule_entry(rule).options) {
    for (const auto* part : {&old, &observer}) {
      if (part->contains(key)) out["options"][key] = part->at(key);
    }
  }
  return out;
}

/// The parts of a file whose layout and checksum are right.
struct File {
  nlohmann::json header;
  std::vector<float> parameters;
};

File parse(std::span<const std::byte> bytes) {
  const std::size_t shown = std::min(bytes.size(), kMagic.size());
  if (shown == 0) throw std::runtime_error("not a policy file: it is empty");
  if (std::memcmp(bytes.data(), kMagic.data(), shown) != 0) throw std::runtime_error("not a policy file");
  const auto truncated = [&](std::uint64_t expected) {
    throw std::runtime_error("truncated: expected " + std::to_string(expected) + " bytes or more, found " +
                             std::to_string(bytes.size()));
  };
  constexpr std::size_t kSmallest = kMagic.size() + 12 + kChecksumSize;
  if (bytes.size() < kSmallest) truncated(kSmallest);
  std::uint32_t version = 0, header_size = 0, sum = 0;
  std::uint64_t size = bytes.size();
  ArchiveReader file(bytes.subspan(kMagic.size()), "file");
  file(version);
  if (version == 0) throw std::runtime_error("damaged: it has no format version");
  if (version > kFormatVersion) {
    throw std::runtime_error("of a newer format: version " + std::to_string(version) + ", and this program reads version " +
                             std::to_string(kFormatVersion) + "; update it, or train the policy again");
  }
  File out;
  std::string header;
  if (version == 1) {
    file(header_size);
    header.resize(std::min<std::uint64_t>(header_size, file.left()));
    file.raw(header.data(), header_size);
  } else {
    file(size);
    if (size > bytes.size()) truncated(size);
    if (size < bytes.size()) {
      throw std::runtime_error("damaged: expected " + std::to_string(size) + " bytes, found " +
                               std::to_string(bytes.size()));
    }
    file(header);
  }
  file(out.parameters), file(sum), file.finish();
  if (crc(bytes.first(bytes.size() - kChecksumSize)) != sum) {
    throw std::runtime_error("damaged: the checksum does not fit the content");
  }
  try {
    out.header = parse_json(header);
  } catch (const std::invalid_argument& error) {
    throw std::runtime_error(std::string("damaged: the header is not valid: ") + error.what());
  }
  if (version == 1) out.header = from_version_1(out.header);
  return out;
}

PolicyDescription description_of(const nlohmann::json& header) {
  PolicyDescription out;
  out.rule.rule = header.at("rule");
  // Options that are younger than the file have their defaults, which change nothing.
  try {
    set_options(out.rule, header.at("options"));
  } catch (const std::invalid_argument& error) {
    throw std::runtime_error(std::string("damaged: the header is not valid: ") + error.what());
  }
  const auto horizon = header.at("horizon").get<double>();
  if (!(horizon >= 1 && horizon <= std::numeric_limits<int>::max()) || horizon != std::floor(horizon)) {
    throw std::runtime_error("damaged: its horizon is " + json_text(header.at("horizon")));
  }
  out.horizon = static_cast<int>(horizon);
  out.provenance = header.at("provenance");
  const std::string made_for = header.at("inputs");
  const std::string known = make_rule(out.rule)->signature();
  if (made_for != known) {
    throw std::runtime_error("made for the inputs \"" + made_for + "\", and this program has \"" + known +
                             "\"; use the version that trained it, or train the policy again");
  }
  return out;
}

[[noreturn]] void cannot_read(const std::string& path) {
  throw std::runtime_error("cannot read policy file '" + path + "': " + std::strerror(errno));
}

}  // namespace

Policy::Policy(PolicyDescription description, std::vector<float> parameters)
    : description_(std::move(description)), rule_(make_rule(description_.rule)), parameters_(std::move(parameters)) {
  detail::check("horizon", description_.horizon, at_least(1));
  stepper_ = rule_->with(parameters_);
  const auto bad = std::find_if(parameters_.begin(), parameters_.end(), [](float w) { return !std::isfinite(w); });
  if (bad != parameters_.end()) {
    throw std::invalid_argument("parameter " + std::to_string(bad - parameters_.begin()) + " is not finite");
  }
}

std::uint32_t Policy::checksum() const {
  std::call_once(checksum_->known, [this] {
    const std::vector<std::byte> bytes = to_bytes();
    ArchiveReader(std::span(bytes).last(kChecksumSize), "checksum")(checksum_->value);
  });
  return checksum_->value;
}

std::vector<std::byte> Policy::to_bytes() const {
  const nlohmann::json all = to_json(description_.rule);
  nlohmann::json used = nlohmann::json::object();
  for (const std::string& key : rule_entry(description_.rule.rule).options) used[key] = all.at(key);
  const nlohmann::json header{{"rule", description_.rule.rule},
                              {"options", used},
                              {"inputs", rule_->signature()},
                              {"horizon", description_.horizon},
                              {"provenance", description_.provenance}};
  const std::string text = json_text(header);
  ArchiveWriter file;
  file.raw(kMagic.data(), kMagic.size());
  file(kFormatVersion);
  file(std::uint64_t{kMagic.size() + 4 + 8 + 8 + text.size() + 8 + 4 * parameters_.size() + kChecksumSize});
  file(text), file(parameters_);
  Bytes bytes = file.take();
  ArchiveWriter end;
  end(crc(bytes));
  const Bytes sum = end.take();
  bytes.insert(bytes.end(), sum.begin(), sum.end());
  return bytes;
}

std::shared_ptr<const Policy> Policy::from_bytes(std::span<const std::byte> bytes, const std::string& name) {
  try {
    File file = parse(bytes);
    return std::make_shared<Policy>(description_of(file.header), std::move(file.parameters));
  } catch (const nlohmann::json::exception& error) {
    throw std::runtime_error(name + ": damaged: the header is not valid: " + error.what());
  } catch (const std::exception& error) {
    throw std::runtime_error(name + ": " + error.what());
  }
}

void Policy::save(const std::string& path) const {
  const std::vector<std::byte> bytes = to_bytes();
  write_atomically(path, std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

std::shared_ptr<const Policy> Policy::load(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const auto size = static_cast<std::streamoff>(file.tellg());
  if (!file || size < 0 || std::filesystem::is_directory(path)) cannot_read(path);
  std::vector<std::byte> bytes(static_cast<std::size_t>(size));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(bytes.data()), size);
  if (!file) cannot_read(path);
  return from_bytes(bytes, "policy file '" + path + "'");
}

}  // namespace scout
