#pragma once
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>
#include <optional>
#include <queue>
#include <system_error>
#include <thread>
#include <utility>

namespace starglow {

/// A queue between two threads that holds at most `room` items.
template <class T>
class Channel {
 public:
  explicit Channel(std::size_t room) : room_(room) {}
  /// Waits for room; false when the channel was closed, and the item is dropped.
  bool push(T item) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ || items_.size() < room_; });
    if (closed_) return false;
    items_.push(std::move(item));
    changed_.notify_all();
    return true;
  }
  /// Waits for an item; empty when the channel was closed and holds none.
  std::optional<T> pop() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ || !items_.empty(); });
    if (items_.empty()) return std::nullopt;
    std::optional<T> item(std::move(items_.front()));
    items_.pop();
    changed_.notify_all();
    return item;
  }
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

 private:
  std::size_t room_;
  bool closed_ = false;
  std::queue<T> items_;
  std::mutex mutex_;
  std::condition_variable changed_;
};

/// Items 0..n-1 through three stages in order: `read(k)` makes item k, `work(item)` changes it, `write(item)` takes it.
/// With `overlap` the three run at the same time, `work` in the calling thread, and at most five items are alive;
/// without, one after the other in the calling thread. What `write` sees is the same.
///
/// Where the system gives no threads for it, the stages run one after the other.
/// When a stage throws, the items before the failing one are still written (all that can be), the stages end, and the
/// exception of the stage nearest to the output is thrown here.
template <class Read, class Work, class Write>
void pipeline(std::size_t n, bool overlap, Read read, Work work, Write write) {
  using Item = decltype(read(std::size_t{0}));
  if (!overlap || n < 2) {
    for (std::size_t k = 0; k < n; ++k) {
      Item item = read(k);
      work(item);
      write(item);
    }
    return;
  }
  Channel<Item> ready(1), done(1);
  std::exception_ptr read_error, work_error, write_error;
  std::thread reader, writer;
  try {
    writer = std::thread([&] {
      try {
        while (auto item = done.pop()) write(*item);
      } catch (...) {
        write_error = std::current_exception();
      }
      done.close();
    });
    reader = std::thread([&] {
      try {
        for (std::size_t k = 0; k < n; ++k)
          if (!ready.push(read(k))) break;
      } catch (...) {
        read_error = std::current_exception();
      }
      ready.close();
    });
  } catch (const std::system_error&) {
    done.close();
    if (writer.joinable()) writer.join();
    return pipeline(n, false, read, work, write);
  }
  try {
    while (auto item = ready.pop()) {
      work(*item);
      if (!done.push(std::move(*item))) break;
    }
  } catch (...) {
    work_error = std::current_exception();
  }
  ready.close();
  done.close();
  reader.join();
  writer.join();
  for (const auto& error : {write_error, work_error, read_error})
    if (error) std::rethrow_exception(error);
}

}  // namespace starglow
