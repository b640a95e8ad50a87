import type { Notice } from "../../../shared/contract/notice.ts";
import type { Report } from "../../../shared/contract/report.ts";

export interface ChannelListener {
  /** A valid notice for our secret arrived. */
  noticed(notice: Notice): void;
  /** The subscription stands: at first, and again after every reconnect. Notices before it may have been missed. */
  subscribed(): void;
  /**
   * No subscription could be made: the first one, or another one after it was lost. Once until `subscribed`. A
   * connection that is lost and back at the first try is not told of.
   */
  lost(reason: string): void;
}

/** Brings notices and takes reports, for one secret. Losing it costs time, never correctness. */
export interface Channel {
  /** Connects, and keeps reconnecting until it is closed. Does not throw where nobody answers. */
  open(listener: ChannelListener): void;
  /** Sends at least once; what cannot be sent now is sent after the reconnect. */
  publish(report: Report): void;
  /** Gives what is still to be sent a moment, then disconnects. */
  close(): Promise<void>;
}
