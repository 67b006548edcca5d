#include <curl/curl.h>
#include <openssl/evp.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <memory>
#include <stdexcept>

#include "scout/download/fetch.h"

namespace scout {
namespace fs = std::filesystem;

std::string checksum(const fs::path& path, const std::string& like) {
  const std::string algorithm = like.substr(0, like.find(':'));
  const EVP_MD* digest = EVP_get_digestbyname(algorithm.c_str());
  if (digest == nullptr) throw std::invalid_argument("checksum: unknown algorithm '" + algorithm + "'");
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  if (!context || EVP_DigestInit_ex(context.get(), digest, nullptr) != 1) {
    throw std::runtime_error("checksum: this OpenSSL does not offer " + algorithm);
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  std::vector<char> buffer(1 << 16);
  while (file.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || file.gcount() > 0) {
    EVP_DigestUpdate(context.get(), buffer.data(), static_cast<std::size_t>(file.gcount()));
  }
  if (file.bad()) throw std::runtime_error("cannot read " + path.string());
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0;
  EVP_DigestFinal_ex(context.get(), bytes.data(), &size);
  std::string out = algorithm + ":";
  for (unsigned i = 0; i < size; ++i) {
    out += "0123456789abcdef"[bytes[i] >> 4];
    out += "0123456789abcdef"[bytes[i] & 15];
  }
  return out;
}

namespace {

constexpr long kConnectSeconds = 20;
constexpr long kStallSeconds = 30;
constexpr long kRangeNotSatisfiable = 416;  // RFC 9110

struct Transfer {
  std::FILE* file;
  std::int64_t offset;
  const DownloadProgress& progress;
};

std::size_t write_bytes(char* data, std::size_t size, std::size_t count, void* transfer) {
  return std::fwrite(data, size, count, static_cast<Transfer*>(transfer)->file);
}

int report_progress(void* transfer, curl_off_t total, curl_off_t done, curl_off_t, curl_off_t) {
  const auto& t = *static_cast<Transfer*>(transfer);
  if (t.progress && done > 0) t.progress(t.offset + done, total > 0 ? t.offset + total : 0);
  return 0;
}

/// Gets `address` from byte `offset` on, appending to `part`. Returns curl's code and, on failure, why.
std::pair<CURLcode, std::string> get(const std::string& address, const fs::path& part, std::int64_t offset,
                                     const DownloadProgress& progress) {
  static const CURLcode global = curl_global_init(CURL_GLOBAL_DEFAULT);
  const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
  if (global != CURLE_OK || !curl) return {CURLE_FAILED_INIT, "libcurl does not start"};
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(part.c_str(), offset > 0 ? "ab" : "wb"),
                                                             std::fclose);
  if (!file) return {CURLE_WRITE_ERROR, "cannot write " + part.string()};
  Transfer transfer{file.get(), offset, progress};
  std::array<char, CURL_ERROR_SIZE> why{};
  curl_easy_setopt(curl.get(), CURLOPT_URL, address.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https,file");
  curl_easy_setopt(curl.get(), CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl.get(), CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  curl_easy_setopt(curl.get(), CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_LOW_SPEED_TIME, kStallSeconds);
  curl_easy_setopt(curl.get(), CURLOPT_RESUME_FROM_LARGE, static_cast<curl_off_t>(offset));
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, write_bytes);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl.get(), CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl.get(), CURLOPT_XFERINFOFUNCTION, report_progress);
  curl_easy_setopt(curl.get(), CURLOPT_XFERINFODATA, &transfer);
  curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, why.data());
  CURLcode code = curl_easy_perform(curl.get());
  if (code == CURLE_OK && std::fflush(file.get()) != 0) code = CURLE_WRITE_ERROR;
  if (code == CURLE_OK) return {code, ""};
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status == kRangeNotSatisfiable) code = CURLE_RANGE_ERROR;
  if (code == CURLE_WRITE_ERROR) return {code, "cannot write " + part.string() + ": is the folder writable, the disk full?"};
  return {code, why[0] != '\0' ? why.data() : curl_easy_strerror(code)};
}

/// One address; returns why it failed, or nothing.
std::string try_address(const std::string& address, const fs::path& part, const std::string& expected,
                        const DownloadProgress& progress) {
  std::int64_t offset = fs::exists(part) ? static_cast<std::int64_t>(fs::file_size(part)) : 0;
  auto result = get(address, part, offset, progress);
  // A server that cannot continue, or has no byte there, gets asked for the whole file.
  const bool refused = result.first == CURLE_RANGE_ERROR || result.first == CURLE_BAD_DOWNLOAD_RESUME;
  if (offset > 0 && refused) {
    offset = 0;
    result = get(address, part, 0, progress);
  }
  if (result.first != CURLE_OK) return result.second;
  std::string found = checksum(part, expected);
  if (found == expected) return "";
  fs::remove(part);
  // What was continued may have been the start of something else.
  if (offset > 0) return try_address(address, part, expected, progress);
  return "expected the checksum " + expected + ", found " + found;
}

}  // namespace

void download(const std::vector<std::string>& addresses, const fs::path& path, const std::string& expected,
              const DownloadProgress& progress) {
  if (fs::exists(path) && checksum(path, expected) == expected) return;
  fs::create_directories(path.parent_path());
  const fs::path part = path.string() + ".part";
  if (!fs::exists(part) || checksum(part, expected) != expected) {
    std::string problems;
    bool done = false;
    for (const std::string& address : addresses) {
      const std::string problem = try_address(address, part, expected, progress);
      if (done = problem.empty(); done) break;
      problems += (problems.empty() ? "" : "; ") + address + ": " + problem;
    }
    if (!done) {
      throw std::runtime_error("cannot download " + path.filename().string() + ": " + problems +
                               ". Where there is no network, copy the official file (" + expected + ") to " + path.string() +
                               "; a download that broke off goes on when it is called again");
    }
  }
  fs::rename(part, path);
}

}  // namespace scout
