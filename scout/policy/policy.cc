#include "scout/policy/policy.h"

#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "scout/base/options.h"

namespace scout {
namespace {

constexpr std::string_view kMagic = "SCOUTPOL";
constexpr std::uint32_t kFormatVersion = 1;
constexpr std::size_t kHeaderBegin = kMagic.size() + 8;  // after magic, version and the header's length
constexpr std::size_t kCountSize = 8;
constexpr std::size_t kChecksumSize = 4;

template <class Unsigned>
void append(std::vector<std::byte>& out, Unsigned value) {
  for (std::size_t i = 0; i < sizeof(Unsigned); ++i) out.push_back(static_cast<std::byte>(value >> (8 * i)));
}

/// The little-endian number at `offset`; the caller has checked the length.
template <class Unsigned>
Unsigned number_at(std::span<const std::byte> bytes, std::size_t offset) {
  Unsigned value = 0;
  for (std::size_t i = 0; i < sizeof(Unsigned); ++i) value |= static_cast<Unsigned>(bytes[offset + i]) << (8 * i);
  return value;
}

std::uint32_t checksum(std::span<const std::byte> bytes) {
  return static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

/// The parts of a file whose layout and checksum are right.
struct File {
  nlohmann::json header;
  std::vector<float> parameters;
};

File parse(std::span<const std::byte> bytes) {
  const std::size_t shown = std::min(bytes.size(), kMagic.size());
  if (shown == 0 || std::memcmp(bytes.data(), kMagic.data(), shown) != 0) throw std::runtime_error("not a policy file");
  auto require = [&](std::uint64_t size) {
    if (bytes.size() < size) {
      throw std::runtime_error("truncated: expected " + std::to_string(size) + " bytes or more, found " +
                               std::to_string(bytes.size()));
    }
  };
  require(kHeaderBegin);
  const auto version = number_at<std::uint32_t>(bytes, kMagic.size());
  if (version > kFormatVersion) {
    throw std::runtime_error("of a newer format: version " + std::to_string(version) + ", and this program reads version " +
                             std::to_string(kFormatVersion) + "; update it, or train the policy again");
  }
  const std::uint64_t header_size = number_at<std::uint32_t>(bytes, kMagic.size() + 4);
  const std::uint64_t count_begin = kHeaderBegin + header_size;
  require(count_begin + kCountSize + kChecksumSize);
  const auto count = number_at<std::uint64_t>(bytes, count_begin);
  const std::uint64_t parameters_begin = count_begin + kCountSize;
  constexpr std::uint64_t kMostParameters = std::uint64_t{1} << 40;  // so that the size below cannot overflow
  const std::uint64_t size = parameters_begin + 4 * std::min(count, kMostParameters) + kChecksumSize;
  require(size);
  if (bytes.size() > size) {
    throw std::runtime_error("damaged: expected " + std::to_string(size) + " bytes, found " + std::to_string(bytes.size()));
  }
  if (checksum(bytes.first(size - kChecksumSize)) != number_at<std::uint32_t>(bytes, size - kChecksumSize)) {
    throw std::runtime_error("damaged: the checksum does not fit the content");
  }
  File file;
  const auto* header = reinterpret_cast<const char*>(bytes.data() + kHeaderBegin);
  file.header = nlohmann::json::parse(header, header + header_size);
  file.parameters.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    file.parameters.push_back(std::bit_cast<float>(number_at<std::uint32_t>(bytes, parameters_begin + 4 * i)));
  }
  return file;
}

PolicyDescription description_of(const nlohmann::json& header) {
  const auto& observer = header.at("observer");
  PolicyDescription out;
  out.observer = {.form = observer.at("form"),
                  .dimension = observer.at("dimension"),
                  .history = observer.at("history"),
                  .gradient = observer.at("gradient")};
  out.hidden = header.at("hidden").get<std::vector<int>>();
  out.proposals = header.at("proposals");
  out.step_scale = header.at("step_scale");
  out.horizon = header.at("horizon");
  out.provenance = header.at("provenance");
  const std::string made_for = header.at("features");
  const std::string known = feature_signature(out.observer);
  if (made_for != known) {
    throw std::runtime_error("made for the features \"" + made_for + "\", and this program has \"" + known +
                             "\"; use the version that trained it, or train the policy again");
  }
  return out;
}

const PolicyDescription& checked(const PolicyDescription& description) {
  const ObserverOptions& observer = description.observer;
  detail::check("observer.form", observer.form, OneOf{{"coordinatewise", "joint", "network"}});
  if (observer.form == "joint") {
    detail::check("observer.dimension", observer.dimension, at_least(1));
    detail::check("observer.history", observer.history, at_least(1));
  }
  detail::check("hidden", description.hidden, at_least(1));
  detail::check("step_scale", description.step_scale, positive());
  detail::check("horizon", description.horizon, at_least(1));
  return description;
}

[[noreturn]] void throw_system_error(const std::string& what, const std::string& path) {
  throw std::runtime_error("cannot " + what + " policy file '" + path + "': " + std::strerror(errno));
}

}  // namespace

Policy::Policy(PolicyDescription description, std::vector<float> parameters)
    : description_(std::move(description)), parameters_(std::move(parameters)) {
  const bool network = checked(description_).observer.form == "network";
  if (network) {
    weight_rule_ = WeightRule(description_.hidden);
  } else {
    actor_ = Actor(description_.observer, description_.hidden, description_.proposals);
  }
  const std::size_t needed = network ? weight_rule_.parameter_count() : actor_.parameter_count();
  if (parameters_.size() != needed) {
    throw std::invalid_argument("it has " + std::to_string(parameters_.size()) + " parameters, and its architecture needs " +
                                std::to_string(needed));
  }
  const auto bad = std::find_if(parameters_.begin(), parameters_.end(), [](float w) { return !std::isfinite(w); });
  if (bad != parameters_.end()) {
    throw std::invalid_argument("parameter " + std::to_string(bad - parameters_.begin()) + " is not finite");
  }
}

std::vector<std::byte> Policy::to_bytes() const {
  const ObserverOptions& observer = description_.observer;
  const nlohmann::json header{{"observer",
                               {{"form", observer.form},
                                {"dimension", observer.dimension},
                                {"history", observer.history},
                                {"gradient", observer.gradient}}},
                              {"features", feature_signature(observer)},
                              {"hidden", description_.hidden},
                              {"proposals", description_.proposals},
                              {"step_scale", description_.step_scale},
                              {"horizon", description_.horizon},
                              {"provenance", description_.provenance}};
  const std::string text = header.dump();
  std::vector<std::byte> out;
  auto append_text = [&](std::string_view part) {
    for (char c : part) out.push_back(static_cast<std::byte>(c));
  };
  append_text(kMagic);
  append(out, kFormatVersion);
  append(out, static_cast<std::uint32_t>(text.size()));
  append_text(text);
  append(out, static_cast<std::uint64_t>(parameters_.size()));
  for (float w : parameters_) append(out, std::bit_cast<std::uint32_t>(w));
  append(out, checksum(out));
  return out;
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
  const std::string temporary = path + ".tmp" + std::to_string(getpid());
  std::FILE* file = std::fopen(temporary.c_str(), "wb");
  if (file == nullptr) throw_system_error("create", temporary);
  const bool written =
      std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size() && std::fflush(file) == 0 && fsync(fileno(file)) == 0;
  if (std::fclose(file) != 0 || !written || std::rename(temporary.c_str(), path.c_str()) != 0) {
    const int reason = errno;
    std::remove(temporary.c_str());
    errno = reason;
    throw_system_error("write", path);
  }
}

std::shared_ptr<const Policy> Policy::load(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const auto size = static_cast<std::streamoff>(file.tellg());
  if (!file || size < 0 || std::filesystem::is_directory(path)) throw_system_error("read", path);
  std::vector<std::byte> bytes(static_cast<std::size_t>(size));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(bytes.data()), size);
  if (!file) throw_system_error("read", path);
  return from_bytes(bytes, "policy file '" + path + "'");
}

}  // namespace scout
