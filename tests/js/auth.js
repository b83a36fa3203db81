// The real client against the embedded auth server: `node auth.js URL SERVICE_KEY` prints what each call gave, as JSON.
// Nothing is judged here; the test that runs it does that.
import { createClient } from "@supabase/supabase-js";

const [url, serviceKey] = process.argv.slice(2);
const options = { auth: { persistSession: false, autoRefreshToken: false } };
const client = createClient(url, "sb_publishable_of-the-tests", options);
const other = createClient(url, "sb_publishable_of-the-tests", options);
const admin = createClient(url, serviceKey, options).auth.admin;
const email = "ada@agency.example";
const password = "correct horse battery";

const told = ({ error }) => (error ? { name: error.name, status: error.status, code: error.code } : null);
const held = ({ data, error }) => {
  if (error) throw error;
  return data;
};

const signedUp = held(await client.auth.signUp({ email, password, options: { data: { full_name: "Ada Agency" } } }));
const weak = told(await other.auth.signUp({ email: "bob@agency.example", password: "short" }));
const again = told(await other.auth.signUp({ email, password }));
const wrong = told(await other.auth.signInWithPassword({ email, password: "wrong password" }));
const loggedIn = held(await client.auth.signInWithPassword({ email, password }));
const refreshed = held(await client.auth.refreshSession());
const user = held(await client.auth.getUser()).user;
const claims = held(await client.auth.getClaims()).claims;
const changed = held(await client.auth.updateUser({ data: { city: "Perth" } })).user;

held(await other.auth.resetPasswordForEmail(email));
const mails = await (await fetch(`${url}/control/mails?to=${email}`)).json();
const recovered = held(await other.auth.verifyOtp({ email, token: mails.at(-1).token, type: "recovery" }));

const made = held(await admin.createUser({ email: "carol@agency.example", password, email_confirm: true })).user;
const listed = held(await admin.listUsers({ page: 1, perPage: 1 }));
const renamed = held(await admin.updateUserById(made.id, { user_metadata: { full_name: "Carol" } })).user;
held(await admin.deleteUser(made.id));
const gone = told(await admin.getUserById(made.id));
const forbidden = told(await client.auth.admin.listUsers());

const token = refreshed.session.access_token;
const loggedOut = told(await client.auth.signOut());
const afterwards = told(await client.auth.getUser(token));
const reused = told(await other.auth.refreshSession({ refresh_token: refreshed.session.refresh_token }));

process.stdout.write(
  JSON.stringify({
    signedUp: { id: signedUp.user.id, session: signedUp.session !== null },
    loggedIn: loggedIn.user.id,
    refreshed: refreshed.session.refresh_token !== loggedIn.session.refresh_token,
    user: { id: user.id, email: user.email, name: user.user_metadata.full_name },
    claims: { sub: claims.sub, role: claims.role, aud: claims.aud, iss: claims.iss },
    token,
    city: changed.user_metadata.city,
    recovered: recovered.session.user.id,
    admin: { listed: listed.users.length, total: listed.total, nextPage: listed.nextPage, name: renamed.user_metadata.full_name },
    errors: { weak, again, wrong, gone, forbidden, loggedOut, afterwards, reused },
  }),
);
