//! What the client gets of a response: its status, and how much of it has left.

use http::StatusCode;

/// The status of a request whose connection ended before it had an answer: nginx's.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// The status by which a request is told of: 0 is that there was no answer.
pub(crate) fn status_or_closed(status: u16) -> u16 {
    if status == 0 {
        CLIENT_CLOSED_REQUEST
    } else {
        status
    }
}

#[derive(Debug, Default)]
pub(crate) struct Delivery {
    /// 0 while there is no answer.
    pub(crate) status: u16,
    /// Bytes of the body.
    pub(crate) sent: u64,
    /// How many bytes had been sent on the connection when the response began.
    mark: u64,
}

impl Delivery {
    /// The response begins, after so many bytes of the connection.
    pub(crate) fn begin(&mut self, status: StatusCode, mark: u64) {
        (self.status, self.mark) = (status.as_u16(), mark);
    }

    /// Whether nothing of the response had left, when the connection had sent so many bytes.
    pub(crate) fn is_unsent(&self, bytes_out: u64) -> bool {
        bytes_out <= self.mark
    }

    /// Counts bytes of the body.
    pub(crate) fn count(&mut self, bytes: usize) {
        self.sent += bytes as u64;
    }

    /// Takes back bytes that were counted and will not leave.
    pub(crate) fn lose(&mut self, bytes: usize) {
        self.sent = self.sent.saturating_sub(bytes as u64);
    }

    /// Corrects it for a response of which only so many bytes of the connection have left.
    pub(crate) fn cut(&mut self, bytes_out: u64) {
        let left = bytes_out.saturating_sub(self.mark);
        self.sent = self.sent.min(left);
        if left == 0 {
            self.status = 0;
        }
    }

    /// Counts what the connection has sent since the response began: all that a tunnel did.
    pub(crate) fn count_all(&mut self, bytes_out: u64) {
        self.sent = bytes_out.saturating_sub(self.mark);
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::Delivery;

    #[test]
    fn tells_whether_anything_has_left() {
        let mut delivery = Delivery::default();
        delivery.begin(StatusCode::OK, 100);
        assert_eq!(
            [99, 100, 101].map(|out| delivery.is_unsent(out)),
            [true, true, false]
        );
    }

    #[test]
    fn corrects_what_was_cut() {
        for (bytes_out, status, sent) in
            [(100, 0, 0), (150, 200, 50), (100_000, 200, 1000), (5, 0, 0)]
        {
            let mut delivery = Delivery::default();
            delivery.begin(StatusCode::OK, 100);
            delivery.count(400);
            delivery.count(600);
            delivery.cut(bytes_out);
            assert_eq!(
                (delivery.status, delivery.sent),
                (status, sent),
                "{bytes_out}"
            );
        }
    }
}
