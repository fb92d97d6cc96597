// StreamHub: what viewers of /api/v1/stream are sent, and when. Viewers of one query share every frame; one that is
// slow is sent the newest state when it is ready, and nothing is ever queued for it. Serve thread; knows no sockets.
//
//   a viewer at the snapshot before the newest ─► what has changed since          (one frame for all such)
//   any other                                  ─► the whole of the newest         (likewise)
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/snapshot.hpp"
#include "serve/api.hpp"
#include "serve/http_reply.hpp"

namespace marquee {

class StreamHub {
 public:
  // A query, and all who look at it.
  struct Channel {
    TopQuery query;
    Chosen before, now;               // what it chose of the last two snapshots
    std::uint64_t before_number = 0;  // of those
    std::uint64_t number = 0;
    SharedBytes changes;  // from `before` to `now`; made when first wanted; empty text: nothing changed
    SharedBytes whole;    // likewise
  };
  struct Viewer {
    std::shared_ptr<Channel> channel;
    std::uint64_t sent = 0;  // the snapshot it was last sent; 0: none yet
  };

  StreamHub(const Api& api, ReplyMemory& memory) : api_(api), memory_(memory) {}

  // `text`: the query as it was written; equal texts share a channel.
  Viewer join(const std::string& text, const TopQuery& query);
  // The current snapshot; true if it is a new one.
  bool advance(std::shared_ptr<const Snapshot> snapshot);
  // What this viewer is to be sent now, and notes it as sent; null: nothing.
  SharedBytes next(Viewer& viewer);

  bool watched() const { return !channels_.empty(); }

 private:
  void refresh(Channel& channel);
  SharedBytes frame(const Channel& channel, const Chosen& chosen, bool whole) const;

  const Api& api_;
  ReplyMemory& memory_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::uint64_t number_ = 0;  // of snapshots seen
  std::vector<std::pair<std::string, std::weak_ptr<Channel>>> channels_;
};

}  // namespace marquee
