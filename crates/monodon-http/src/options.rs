//! GENERATED from `lib/options/table.ts` by `npm run generate`. Do not edit.

use std::time::Duration;

/// The protocols a listener speaks (`--http`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpVersions {
    /// HTTP/1.1, and HTTP/2 for clients that open with its preface.
    Auto,
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 only, with prior knowledge.
    Http2,
}

/// What the native server is told. Durations of zero mean "off".
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Options {
    /// Where to listen: [https://]HOST:PORT, `[IPV6]:PORT`, :PORT, unix:PATH, unix:@NAME, `fd://N`; may be repeated.
    pub bind: Vec<String>,
    /// Who may connect to the Unix sockets that it makes, as for chmod.
    pub socket_mode: u32,
    /// Whom the Unix sockets belong to that it makes, as for chown: USER, USER:GROUP or :GROUP.
    pub socket_owner: String,
    /// Protocol: HTTP/1.1, HTTP/2, or auto for both.
    pub http: HttpVersions,
    /// Compresses WebSocket messages of 1 KiB and more for clients that can (permessage-deflate).
    pub websocket_compression: bool,
    /// Path at which the server tells its health by itself: PATH/live and PATH/ready.
    pub health_path: String,
    /// Native threads that own the connections; auto is half the cores, 1 to 8.
    pub io_threads: u32,
    /// Length of the kernel's accept queue.
    pub backlog: u32,
    /// Lets several servers listen on one port (`SO_REUSEPORT`): the kernel shares out the connections.
    pub reuse_port: bool,
    /// The server's certificate in PEM, with those of its issuers after it; may be repeated.
    pub certfile: Vec<String>,
    /// The certificate's key in PEM (PKCS#8, PKCS#1 or SEC1); repeated as often as certfile.
    pub keyfile: Vec<String>,
    /// Certificates in PEM of those who may issue clients' certificates.
    pub ca_certs: String,
    /// Whether clients are asked for a certificate, and have to show one.
    pub cert_reqs: String,
    /// Lists in PEM of clients' certificates that were revoked, one of each issuer.
    pub crl: String,
    /// The oldest version of TLS that clients may use.
    pub tls_min_version: String,
    /// Answers requests that came without TLS by 308 to the same address with https.
    pub redirect_http: bool,
    /// The port in the addresses of redirect-http; 0 is that of the first https:// bind.
    pub redirect_port: u32,
    /// Compresses answers by these codings for clients that take them; the first is preferred.
    pub compress: Vec<String>,
    /// How hard each coding tries.
    pub compress_level: Vec<String>,
    /// Bytes of a body from which on it is compressed.
    pub compress_min_size: u32,
    /// Media types that are compressed: whole ones, TYPE/*, +SUFFIX, or * for all.
    pub compress_types: Vec<String>,
    /// Proxies that are believed when they say who the client is and that it used https.
    pub forwarded_allow_ips: Vec<String>,
    /// What those proxies are believed: x-forwarded for all X-Forwarded-*, forwarded, or single fields.
    pub forwarded_headers: Vec<String>,
    /// Removes Forwarded, X-Forwarded-* and X-Real-IP of clients that are not believed.
    pub strip_forwarded: bool,
    /// Whether connections begin with the PROXY protocol, version 1 or 2, which tells of the client.
    pub proxy_protocol: String,
    /// Who is believed by the PROXY protocol; whoever connects to a Unix socket is, too.
    pub proxy_allow_ips: Vec<String>,
    /// What becomes of header fields with _ in their name: dropped, refused with 400, or passed on.
    pub header_map: String,
    /// Header fields with _ in their name that believed proxies may send; * for all.
    pub forwarder_headers: Vec<String>,
    /// Where the app is mounted: the `SCRIPT_NAME` of WSGI apps, which `PATH_INFO` goes on behind.
    pub root_path: String,
    /// Requests that a worker may hold whose answer has not begun; further ones wait in the queue.
    pub worker_connections: u32,
    /// Requests that wait for a worker, at most; the next one gets 503.
    pub queue_size: u32,
    /// How long a request may wait for a worker before it gets 503.
    pub queue_timeout: Duration,
    /// How long a request may wait for a worker in an overload before it gets 503.
    pub queue_target: Duration,
    /// How long the app may take for a request until the head of its response; then it gets 504.
    pub request_timeout: Duration,
    /// How long a WebSocket client may be silent before it is pinged; after as long again the connection is cut.
    pub websocket_ping: Duration,
    /// How long a connection may be idle between requests.
    pub keep_alive: Duration,
    /// How long a request's head may take to arrive before the client gets 408.
    pub header_timeout: Duration,
    /// How long a request's body may make no progress before the client gets 408.
    pub body_timeout: Duration,
    /// How long a client may take no byte of its response before it is cut off.
    pub send_timeout: Duration,
    /// How long begun requests may take to finish after SIGTERM.
    pub graceful_timeout: Duration,
    /// Bytes of a request line; beyond it 414.
    pub limit_request_line: u32,
    /// Bytes of one header field; beyond it 431.
    pub limit_request_field_size: u32,
    /// Header fields of a request; beyond it 431.
    pub limit_request_fields: u32,
    /// Bytes of a request's line and header fields; beyond it 431; 0 is 64 KiB, or what the other limits need.
    pub limit_request_head: u32,
    /// Bytes of a request's body; beyond it 413.
    pub limit_request_body: u64,
    /// Bytes of a message that a WebSocket client sends; beyond it the connection is closed with 1009.
    pub limit_websocket_message: u32,
    /// Bytes per second that a request's body must come with at least, or it gets 408; 0 is off.
    pub limit_upload_rate: u32,
    /// Open connections of one client; further ones are closed as they come; 0 is off.
    pub limit_connections_per_ip: u32,
    /// Open connections; further ones wait in the accept queue.
    pub max_connections: u32,
    /// Serves the files of DIR below the path PREFIX, with no JavaScript; may be repeated.
    pub r#static: Vec<String>,
    /// The page that browsers get where the app answers 404: the one of a single-page app.
    pub static_fallback: String,
    /// How long browsers and caches may keep a static file without asking; not for HTML.
    pub static_max_age: Duration,
    /// Paths below which no file ever changes: browsers keep those for a year.
    pub static_immutable: Vec<String>,
    /// Sends the file that the app names in the header X-Sendfile, if it is below DIR.
    pub sendfile_root: String,
    /// File for the access log; - is standard output; none without it.
    pub access_logfile: String,
    /// Format of the access log: combined, common, json, or a text with atoms such as %(h)s.
    pub access_logformat: String,
    /// Header field or query parameter that the access log shows although it holds a secret; may be repeated.
    pub access_log_reveal: Vec<String>,
    /// Sends both logs to syslog, beside the files that are given.
    pub log_syslog: bool,
    /// Where syslog is: `unix://PATH`, `udp://HOST`:PORT or `tcp://HOST`:PORT.
    pub log_syslog_to: String,
    /// Facility of the messages to syslog: user, daemon, local0 to local7 and so on.
    pub log_syslog_facility: String,
    /// Makes the program monodon.NAME.access and monodon.NAME.error in syslog.
    pub log_syslog_prefix: String,
    /// Sends the error log alone to syslog.
    pub disable_redirect_access_to_syslog: bool,
    /// Gives each request an id, which the app and the access log get.
    pub request_id: bool,
    /// Header field for the id of a request.
    pub request_id_header: String,
    /// Sends the id of a request back in its response.
    pub request_id_response: bool,
    /// Where statsd takes metrics by Gunicorn's names: HOST:PORT or `unix://PATH`; none without it.
    pub statsd_host: String,
    /// Requests that take longer are slow: status and monodon ctl snapshot remember the last ones.
    pub slow_request: Duration,
    /// Tells in the header Server-Timing how long a request has waited and how long the app took.
    pub server_timing: bool,
    /// Collector that gets a span of each request by OTLP/HTTP; none without it.
    pub otlp_endpoint: String,
    /// Header fields of the requests to the collector.
    pub otlp_headers: String,
    /// Certificates in PEM of those who may issue the collector's; else those that the system trusts.
    pub otlp_certificate: String,
    /// Name of the service in traces; else service.name of otlp-resource-attributes.
    pub otlp_service_name: String,
    /// What else traces say of the service, such as deployment.environment.name=production.
    pub otlp_resource_attributes: String,
    /// Which requests are exported, as a sampler of OpenTelemetry.
    pub otlp_sampler: String,
    /// Share of the traces that traceidratio exports, 0 to 1.
    pub otlp_sample_ratio: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            bind: vec!["127.0.0.1:8000".to_owned()],
            socket_mode: 0o666,
            socket_owner: String::new(),
            http: HttpVersions::Auto,
            websocket_compression: false,
            health_path: String::new(),
            io_threads: 1,
            backlog: 2048,
            reuse_port: false,
            certfile: Vec::new(),
            keyfile: Vec::new(),
            ca_certs: String::new(),
            cert_reqs: "none".to_owned(),
            crl: String::new(),
            tls_min_version: "1.2".to_owned(),
            redirect_http: false,
            redirect_port: 0,
            compress: Vec::new(),
            compress_level: vec!["zstd=3".to_owned(), "br=4".to_owned(), "gzip=5".to_owned()],
            compress_min_size: 1024,
            compress_types: vec![
                "text/*".to_owned(),
                "+json".to_owned(),
                "+xml".to_owned(),
                "+text".to_owned(),
                "application/json".to_owned(),
                "application/x-ndjson".to_owned(),
                "application/jsonl".to_owned(),
                "application/javascript".to_owned(),
                "application/x-javascript".to_owned(),
                "application/ecmascript".to_owned(),
                "application/xml".to_owned(),
                "application/xml-dtd".to_owned(),
                "application/wasm".to_owned(),
                "application/graphql".to_owned(),
                "application/sql".to_owned(),
                "application/toml".to_owned(),
                "application/yaml".to_owned(),
                "application/rtf".to_owned(),
                "application/postscript".to_owned(),
                "application/vnd.ms-fontobject".to_owned(),
                "application/x-sh".to_owned(),
                "font/otf".to_owned(),
                "font/ttf".to_owned(),
                "image/bmp".to_owned(),
                "image/x-icon".to_owned(),
                "image/vnd.microsoft.icon".to_owned(),
            ],
            forwarded_allow_ips: vec!["127.0.0.1".to_owned(), "::1".to_owned()],
            forwarded_headers: vec!["x-forwarded-for".to_owned(), "x-forwarded-proto".to_owned()],
            strip_forwarded: false,
            proxy_protocol: "off".to_owned(),
            proxy_allow_ips: vec!["127.0.0.1".to_owned(), "::1".to_owned()],
            header_map: "drop".to_owned(),
            forwarder_headers: vec!["SCRIPT_NAME".to_owned(), "PATH_INFO".to_owned()],
            root_path: String::new(),
            worker_connections: 1000,
            queue_size: 4096,
            queue_timeout: Duration::from_secs(10),
            queue_target: Duration::from_millis(100),
            request_timeout: Duration::from_secs(0),
            websocket_ping: Duration::from_secs(30),
            keep_alive: Duration::from_secs(75),
            header_timeout: Duration::from_secs(15),
            body_timeout: Duration::from_secs(30),
            send_timeout: Duration::from_secs(30),
            graceful_timeout: Duration::from_secs(30),
            limit_request_line: 8190,
            limit_request_field_size: 8190,
            limit_request_fields: 100,
            limit_request_head: 0,
            limit_request_body: 134_217_728,
            limit_websocket_message: 16_777_216,
            limit_upload_rate: 0,
            limit_connections_per_ip: 0,
            max_connections: 16_384,
            r#static: Vec::new(),
            static_fallback: String::new(),
            static_max_age: Duration::from_secs(0),
            static_immutable: Vec::new(),
            sendfile_root: String::new(),
            access_logfile: String::new(),
            access_logformat: "combined".to_owned(),
            access_log_reveal: Vec::new(),
            log_syslog: false,
            log_syslog_to: "unix:///dev/log".to_owned(),
            log_syslog_facility: "user".to_owned(),
            log_syslog_prefix: String::new(),
            disable_redirect_access_to_syslog: false,
            request_id: false,
            request_id_header: "x-request-id".to_owned(),
            request_id_response: false,
            statsd_host: String::new(),
            slow_request: Duration::from_millis(500),
            server_timing: false,
            otlp_endpoint: String::new(),
            otlp_headers: String::new(),
            otlp_certificate: String::new(),
            otlp_service_name: String::new(),
            otlp_resource_attributes: String::new(),
            otlp_sampler: "parentbased_traceidratio".to_owned(),
            otlp_sample_ratio: "1".to_owned(),
        }
    }
}
