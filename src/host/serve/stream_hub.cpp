#include "serve/stream_hub.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

namespace marquee {
namespace {

// What of `now` was not so in `before`; none where something of `before` is gone, which changes cannot tell.
std::optional<std::vector<ResultPtr>> changes(const Chosen& before, const Chosen& now) {
  if (before.more != now.more) return std::nullopt;
  using Key = std::pair<std::uint32_t, std::vector<std::string>>;
  std::map<Key, const ResultRecord*> were;
  for (const ResultPtr& record : before.results) were[{raw(record->leaderboard), record->group}] = record.get();
  std::vector<ResultPtr> changed;
  std::size_t stayed = 0;
  for (const ResultPtr& record : now.results) {
    const auto was = were.find({raw(record->leaderboard), record->group});
    if (was != were.end()) ++stayed;
    if (was == were.end() || was->second != record.get()) changed.push_back(record);
  }
  if (stayed != were.size()) return std::nullopt;
  return changed;
}

}  // namespace

StreamHub::Viewer StreamHub::join(const std::string& text, const TopQuery& query) {
  for (const auto& [name, weak] : channels_) {
    if (name != text) continue;
    if (std::shared_ptr<Channel> channel = weak.lock()) return {std::move(channel), 0};
  }
  auto channel = std::make_shared<Channel>();
  channel->query = query;
  channels_.emplace_back(text, channel);
  if (snapshot_ != nullptr) refresh(*channel);
  return {std::move(channel), 0};
}

void StreamHub::refresh(Channel& channel) {
  channel.before = std::move(channel.now);
  channel.before_number = channel.number;
  channel.now = api_.choose(channel.query, *snapshot_);
  channel.number = number_;
  channel.changes = channel.whole = nullptr;
}

bool StreamHub::advance(std::shared_ptr<const Snapshot> snapshot) {
  std::erase_if(channels_, [](const auto& channel) { return channel.second.expired(); });
  if (snapshot == snapshot_) return false;
  snapshot_ = std::move(snapshot);
  ++number_;
  for (const auto& [name, weak] : channels_) {
    if (const std::shared_ptr<Channel> channel = weak.lock()) refresh(*channel);
  }
  return true;
}

SharedBytes StreamHub::frame(const Channel& channel, const Chosen& chosen, bool whole) const {
  std::string text = "event: top\nid: " + std::to_string(snapshot_->epoch) + "\ndata: ";
  text += api_.top_json(channel.query, *snapshot_, chosen, whole);  // has no line feeds
  text += "\n\n";
  return memory_.hold(std::move(text));
}

SharedBytes StreamHub::next(Viewer& viewer) {
  Channel& channel = *viewer.channel;
  if (channel.number == 0 || viewer.sent == channel.number) return nullptr;
  const bool follows = viewer.sent != 0 && viewer.sent == channel.before_number;
  viewer.sent = channel.number;
  if (follows) {
    if (channel.changes == nullptr) {
      std::optional<std::vector<ResultPtr>> changed = changes(channel.before, channel.now);
      if (!changed) {
        if (channel.whole == nullptr) channel.whole = frame(channel, channel.now, true);
        channel.changes = channel.whole;
      } else if (changed->empty()) {
        channel.changes = memory_.hold({});
      } else {
        channel.changes = frame(channel, {*std::move(changed), channel.now.more}, false);
      }
    }
    return channel.changes->empty() ? nullptr : channel.changes;
  }
  if (channel.whole == nullptr) channel.whole = frame(channel, channel.now, true);
  return channel.whole;
}

}  // namespace marquee
