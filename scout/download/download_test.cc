#include <archive.h>
#include <archive_entry.h>
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <map>
#include <mutex>
#include <thread>

#include "scout/base/folder_lock.h"
#include "scout/data/images.h"
#include "scout/data/test_files.h"
#include "scout/download/fetch.h"

namespace scout {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

/// Serves files on 127.0.0.1, one connection after another.
class Server {
 public:
  Server() {
    setenv("no_proxy", "127.0.0.1", 1);
    socket_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    bind(socket_, reinterpret_cast<sockaddr*>(&address), size);
    getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    listen(socket_, 4);
    thread_ = std::thread([this] {
      for (int client = 0; (client = accept(socket_, nullptr, nullptr)) >= 0;) {
        answer(client);
        close(client);
      }
    });
  }
  ~Server() {
    shutdown(socket_, SHUT_RDWR);
    thread_.join();
    close(socket_);
  }
  std::string address() const { return "http://127.0.0.1:" + std::to_string(port_) + "/"; }

  struct Content {
    std::map<std::string, Bytes> files;  // by name
    std::size_t break_off_after = 0;     // bytes of the next body that arrive; 0: all
    bool ranges = true;
    std::vector<std::string> requests;  // "NAME" or "NAME from OFFSET"
  };
  /// Calls `change` with what is served, while nothing is.
  template <class Change>
  void with(Change&& change) {
    const std::lock_guard lock(mutex_);
    change(content_);
  }
  std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return content_.requests;
  }

 private:
  void answer(int client) {
    std::string request;
    std::array<char, 4096> buffer{};
    while (request.find("\r\n\r\n") == std::string::npos) {
      const ssize_t got = recv(client, buffer.data(), buffer.size(), 0);
      if (got <= 0) return;
      request.append(buffer.data(), static_cast<std::size_t>(got));
    }
    const std::string name = request.substr(5, request.find(' ', 5) - 5);
    std::size_t offset = 0;
    if (const auto range = request.find("bytes="); range != std::string::npos)
      offset = std::stoul(request.substr(range + 6));
    std::string head;
    Bytes body;
    {
      const std::lock_guard lock(mutex_);
      auto& [files, break_off_after, ranges, requests] = content_;
      requests.push_back(offset > 0 ? name + " from " + std::to_string(offset) : name);
      const auto file = files.find(name);
      if (file == files.end()) {
        head = "HTTP/1.1 404 Not Found\r\n";
      } else if (offset > 0 && ranges && offset >= file->second.size()) {
        head = "HTTP/1.1 416 Range Not Satisfiable\r\n";
      } else {
        const bool partial = offset > 0 && ranges;
        const std::size_t all = file->second.size();
        body.assign(file->second.begin() + static_cast<std::ptrdiff_t>(partial ? offset : 0), file->second.end());
        head = partial ? "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes " + std::to_string(offset) + "-" +
                             std::to_string(all - 1) + "/" + std::to_string(all) + "\r\n"
                       : "HTTP/1.1 200 OK\r\n";
      }
      head += "Content-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n";
      if (break_off_after > 0 && break_off_after < body.size()) body.resize(break_off_after);
      break_off_after = 0;
    }
    send(client, head.data(), head.size(), MSG_NOSIGNAL);
    send(client, body.data(), body.size(), MSG_NOSIGNAL);
  }

  int socket_;
  int port_;
  std::mutex mutex_;
  Content content_;
  std::thread thread_;  // begins when all else is there
};

std::string checksum_of(const Bytes& bytes, const std::string& like) {
  const TemporaryFolder folder;
  const fs::path path = folder.path().string() + ".checksum";
  write_file(path, bytes);
  const std::string out = checksum(path, like);
  fs::remove(path);
  return out;
}

class Download : public testing::Test {
 protected:
  const TemporaryFolder folder_;
  const fs::path path_ = folder_.path() / "below" / "file";
  const fs::path part_ = folder_.path() / "below" / "file.part";
  const Bytes content_ = pattern(100'000, 17);
  std::string checksum_ = "sha256:";
  Server server_;

  Download() {
    const fs::path file = folder_.path() / "content";
    write_file(file, content_);
    checksum_ = checksum(file, "sha256:");
    server_.with([&](auto& served) { served.files["file"] = content_; });
  }
  std::string error_of(const std::vector<std::string>& addresses) {
    try {
      download(addresses, path_, checksum_);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "no error";
  }
};

TEST(Checksum, KnownAnswers) {
  EXPECT_EQ(checksum_of({'a', 'b', 'c'}, "sha256:0"),
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(checksum_of({'a', 'b', 'c'}, "md5:0"), "md5:900150983cd24fb0d6963f7d28e17f72");
  EXPECT_THROW(checksum_of({}, "sum:0"), std::invalid_argument);
  EXPECT_THROW(checksum("/nonexistent/file", "md5:"), std::runtime_error);
}

TEST_F(Download, WritesTheFileOnceItIsWhole) {
  std::int64_t last = 0;
  std::int64_t all = 0;
  download({server_.address() + "file"}, path_, checksum_, [&](std::int64_t done, std::int64_t total) {
    last = done;
    all = total;
  });
  EXPECT_EQ(read_file(path_), content_);
  EXPECT_EQ(last, 100'000);
  EXPECT_EQ(all, 100'000);
  EXPECT_FALSE(fs::exists(part_));
  download({server_.address() + "file"}, path_, checksum_);
  EXPECT_EQ(server_.requests().size(), 1U) << "nothing to do";
}

TEST_F(Download, GoesOnWhereItBrokeOff) {
  server_.with([](auto& served) { served.break_off_after = 30'000; });
  EXPECT_THAT(error_of({server_.address() + "file"}), HasSubstr("goes on when it is called again"));
  EXPECT_FALSE(fs::exists(path_));
  EXPECT_EQ(fs::file_size(part_), 30'000U);
  EXPECT_EQ(error_of({server_.address() + "file"}), "no error");
  EXPECT_EQ(read_file(path_), content_);
  EXPECT_EQ(server_.requests(), (std::vector<std::string>{"file", "file from 30000"}));
}

TEST_F(Download, StartsAfreshWhereTheServerCannotGoOn) {
  write_file(part_, Bytes(content_.begin(), content_.begin() + 500));
  server_.with([](auto& served) { served.ranges = false; });
  EXPECT_EQ(error_of({server_.address() + "file"}), "no error");
  EXPECT_EQ(read_file(path_), content_);
}

TEST_F(Download, StartsAfreshFromWhatIsNoPartOfTheFile) {
  write_file(part_, Bytes(500, 1));
  EXPECT_EQ(error_of({server_.address() + "file"}), "no error");
  EXPECT_EQ(read_file(path_), content_);
  fs::remove(path_);
  write_file(part_, Bytes(200'000, 1));  // longer than the file: the server has nothing from there on
  EXPECT_EQ(error_of({server_.address() + "file"}), "no error");
  EXPECT_EQ(read_file(path_), content_);
  fs::remove(path_);
  write_file(part_, content_);  // it was killed before the last step
  server_.with([](auto& served) { served.requests.clear(); });
  EXPECT_EQ(error_of({server_.address() + "file"}), "no error");
  EXPECT_TRUE(server_.requests().empty());
}

TEST_F(Download, AWrongFileIsNotKept) {
  server_.with([](auto& served) { served.files["file"][700] ^= 1; });
  EXPECT_THAT(
      error_of({server_.address() + "file"}),
      AllOf(HasSubstr("expected the checksum " + checksum_ + ", found sha256:"), HasSubstr(server_.address() + "file")));
  EXPECT_FALSE(fs::exists(path_));
  EXPECT_FALSE(fs::exists(part_));
}

TEST_F(Download, TriesEveryAddressAndNamesWhatFailed) {
  const std::string closed = "http://127.0.0.1:1/file";
  EXPECT_EQ(error_of({closed, server_.address() + "missing", server_.address() + "file"}), "no error");
  fs::remove(path_);
  EXPECT_THAT(error_of({closed, server_.address() + "missing"}),
              AllOf(HasSubstr("cannot download file: " + closed + ": "), HasSubstr("connect"), HasSubstr("404"),
                    HasSubstr("copy the official file (" + checksum_ + ") to " + path_.string())));
}

TEST_F(Download, LocalFilesAreAddressesToo) {
  EXPECT_EQ(error_of({"file://" + (folder_.path() / "content").string()}), "no error");
  EXPECT_EQ(read_file(path_), content_);
}

/// A .tar.gz of files by name.
void write_tar(const fs::path& path, const std::vector<std::pair<std::string, Bytes>>& files) {
  archive* tar = archive_write_new();
  archive_write_add_filter_gzip(tar);
  archive_write_set_format_ustar(tar);
  archive_write_open_filename(tar, path.c_str());
  for (const auto& [name, bytes] : files) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_size(entry, std::ssize(bytes));
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_write_header(tar, entry);
    archive_write_data(tar, bytes.data(), bytes.size());
    archive_entry_free(entry);
  }
  archive_write_close(tar);
  archive_write_free(tar);
}

TEST(Unpack, TakesTheFilesOfTheFolderOnly) {
  const TemporaryFolder folder;
  const fs::path tar = folder.path() / "a.tar.gz";
  write_tar(tar,
            {{"set/one", {1, 2}}, {"./set/two", {3}}, {"../evil", {4}}, {"set/../../worse", {5}}, {"other/three", {6}}});
  write_file(folder.path() / "set" / "old", {9});
  unpack_folder(tar, "set", folder.path());
  EXPECT_EQ(read_file(folder.path() / "set" / "one"), (Bytes{1, 2}));
  EXPECT_EQ(read_file(folder.path() / "set" / "two"), (Bytes{3}));
  EXPECT_FALSE(fs::exists(folder.path() / "set" / "old"));
  EXPECT_FALSE(fs::exists(folder.path().parent_path() / "evil"));
  EXPECT_FALSE(fs::exists(folder.path().parent_path() / "worse"));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 2) << "the archive and the folder";
}

/// Puts a number into the header of the first entry of a plain tar, and sets its checksum.
void set_in_header(Bytes& tar, std::size_t at, const std::string& text) {
  std::copy(text.begin(), text.end(), tar.begin() + static_cast<std::ptrdiff_t>(at));
  std::fill_n(tar.begin() + 148, 8, ' ');
  unsigned sum = 0;
  for (std::size_t i = 0; i < 512; ++i) sum += tar[i];
  std::array<char, 8> digits{};
  std::snprintf(digits.data(), digits.size(), "%06o", sum);
  std::copy_n(digits.begin(), 7, tar.begin() + 148);
}

TEST(Unpack, WhatClaimsToHoldTerabytesIsRefused) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "a.tar";
  Bytes tar(3 * 512);  // a header, a block, an end
  const std::string name = "set/one";
  std::copy(name.begin(), name.end(), tar.begin());
  set_in_header(tar, 100, "0000644");
  set_in_header(tar, 124, "00000000003");
  set_in_header(tar, 156, "S");  // a sparse file of GNU tar: three bytes at its beginning, and a size of 1 TiB
  set_in_header(tar, 257, std::string("ustar  \0", 8));
  set_in_header(tar, 386, "00000000000");
  set_in_header(tar, 398, "00000000003");
  set_in_header(tar, 483, "20000000000000");
  write_file(path, tar);
  EXPECT_THAT([&] { unpack_folder(path, "set", folder.path()); },
              testing::ThrowsMessage<std::runtime_error>(HasSubstr("cannot unpack " + path.string())));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1) << "nothing half done is left";
}

TEST(Unpack, ErrorsNameTheArchive) {
  const TemporaryFolder folder;
  const fs::path tar = folder.path() / "a.tar.gz";
  const auto error = [&] {
    try {
      unpack_folder(tar, "set", folder.path());
    } catch (const std::runtime_error& failure) {
      return std::string(failure.what());
    }
    return std::string("no error");
  };
  EXPECT_THAT(error(), HasSubstr(tar.string()));
  write_tar(tar, {{"other/one", {1}}});
  EXPECT_THAT(error(), HasSubstr("expected files in set/, found none"));
  write_tar(tar, {{"set/one", pattern(5000, 91)}});
  Bytes cut = read_file(tar);
  cut.resize(cut.size() / 2);
  write_file(tar, cut);
  EXPECT_THAT(error(), HasSubstr("cannot unpack " + tar.string()));
  EXPECT_FALSE(fs::exists(folder.path() / "set"));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1) << "nothing half done is left";
}

TEST(Fetch, BringsFilesAndRepairsThem) {
  const TemporaryFolder folder;
  ImageDataSet set = small_idx();
  const fs::path official = folder.path() / "official";
  write_small_idx(set, official);
  set.addresses = {"file://" + (official / set.folder).string() + "/"};
  for (DataFile& file : set.downloads) file.checksum = checksum(official / set.folder / file.name, "sha256:");
  const fs::path home = folder.path() / "data";
  EXPECT_TRUE(fetch_data(set, home));
  EXPECT_EQ(load_images(set, home).train.pixels, pattern(320, 7));
  EXPECT_FALSE(fetch_data(set, home)) << "all there";
  write_file(home / set.folder / set.train_files[0], {1, 2, 3});
  EXPECT_TRUE(fetch_data(set, home));
  EXPECT_EQ(load_images(set, home).train.pixels, pattern(320, 7));
}

TEST(Fetch, OneProcessAtATimeFetchesIntoAFolder) {
  const TemporaryFolder folder;
  ImageDataSet set = small_idx();
  set.addresses = {"http://127.0.0.1:1/"};
  const FolderLock other(folder.path());
  EXPECT_THAT([&] { fetch_data(set, folder.path()); },
              testing::ThrowsMessage<std::runtime_error>(HasSubstr(folder.path().string() + " is in use")));
  write_small_idx(set, folder.path());
  EXPECT_FALSE(fetch_data(set, folder.path())) << "there is nothing to write";
}

TEST(Fetch, UnpacksArchives) {
  const TemporaryFolder folder;
  ImageDataSet set = small_cifar();
  const fs::path tar = folder.path() / "small.tar.gz";
  write_tar(tar, {{set.folder + "/one.bin", cifar_records(10, 5, 3)},
                  {set.folder + "/two.bin", cifar_records(10, 4, 5)},
                  {set.folder + "/test.bin", cifar_records(5, 5, 13)}});
  set.addresses = {"file://" + folder.path().string() + "/"};
  set.downloads = {{"small.tar.gz", checksum(tar, "md5:")}};
  const fs::path home = folder.path() / "data";
  EXPECT_TRUE(fetch_data(set, home));
  EXPECT_EQ(load_images(set, home).test.pixels, pattern(240, 13));
  EXPECT_EQ(std::distance(fs::directory_iterator(home), {}), 1) << "the archive is gone";
  fs::remove(home / set.folder / "two.bin");
  EXPECT_TRUE(fetch_data(set, home));
  // The official archive, put there by hand, serves without a network.
  fs::remove_all(home / set.folder);
  fs::copy_file(tar, home / "small.tar.gz");
  set.addresses = {"http://127.0.0.1:1/"};
  EXPECT_TRUE(fetch_data(set, home));
  fs::remove_all(home / set.folder);
  EXPECT_THROW(fetch_data(set, home), std::runtime_error);
}

}  // namespace
}  // namespace scout
